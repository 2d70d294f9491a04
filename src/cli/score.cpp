#include "cli/output.h"
#include "cli/verbs.h"
#include "evaluation/likelihood.h"
#include "run/open_model.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct ScoreOptions {
  ModelSource model;
  std::string text_file, ids_file, dash;
};

/// A JSON array of token ids of the model's vocabulary.
std::vector<TokenId> parse_ids(const std::string& text, const std::string& where,
                               std::int64_t vocab) {
  const Json json = parse_json(text, where);
  const std::string expected =
      "expected an array of token ids from 0 to " + std::to_string(vocab - 1);
  if (!json.is_array())
    throw input_error(std::string("found ") + json.type_name() + ", " + expected, where);
  std::vector<TokenId> ids;
  for (const Json& item : json) {
    if (!item.is_number_integer() || item < 0 || item >= vocab) {
      throw input_error(
          "found " + item.dump(-1, ' ', false, Json::error_handler_t::replace) + ", " + expected,
          where + ": [" + std::to_string(ids.size()) + "]");
    }
    ids.push_back(item.get<TokenId>());
  }
  return ids;
}

ExitCode run_score(const ScoreOptions& options, const ProcessOptions& process) {
  const bool is_ids = !options.ids_file.empty();
  const std::string source = is_ids ? options.ids_file : options.dash + options.text_file;
  const std::string where = source == "-" ? "stdin" : source;
  const std::string text = read_text(source);  // before the model: a missing file shows at once
  const LoadedModel model = load_model(options.model, process,
                                       is_ids ? TokenizerUse::kOptional : TokenizerUse::kRequired);
  const std::vector<TokenId> ids =
      is_ids ? parse_ids(text, where, model.decoder.spec().vocab)
             : model.tokenizer->encode(text, {.bos = model.tokenizer->adds_bos()});
  const std::vector<double> log_probs = score_tokens(model.decoder, ids, where);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    Json line = {{"id", ids[i]}};
    if (model.tokenizer) line["token"] = model.tokenizer->token(ids[i]);
    if (i > 0) line["logprob"] = log_probs[i - 1];
    print_json_line(line);
  }
  return ExitCode::kDone;
}

}  // namespace

void setup_score(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "score",
      "Print the log-probability of each token of a text, as JSON lines of id, token and logprob\n"
      "(natural logarithm; the first token has none)",
      "expandft score --model models/gemma-3-1b-pt --text story.txt");
  command->group("Use");
  const auto options = std::make_shared<ScoreOptions>();
  command->add_option("--model", options->model.model, "Model directory")
      ->required()
      ->type_name("DIR");
  CLI::Option_group* input = command->add_option_group("Input", "One of them:");
  input->add_option("--text", options->text_file, "Text; BOS is added if the tokenizer adds it")
      ->type_name("FILE");
  input->add_option("--ids", options->ids_file, "JSON array of token ids; needs no tokenizer")
      ->type_name("FILE");
  input->add_option("dash", options->dash, "A text from stdin")
      ->type_name("-")
      ->check(one_of({"-"}));
  input->require_option(1);
  add_model_options(*command, options->model);
  command->callback([&context, options] {
    context.run = [&context, options] { return run_score(*options, context.global.process); };
  });
}

}  // namespace expandft
