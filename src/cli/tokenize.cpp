#include "cli/output.h"
#include "cli/verbs.h"
#include "run/open_model.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct TokenizeOptions {
  std::string model, file;
  bool no_special = false, json = false;
};

/// The piece on one line: a tab or line break in it, and a backslash, as escapes.
std::string on_one_line(const std::string& piece) {
  std::string text;
  for (const char c : piece) {
    switch (c) {
      case '\\':
        text += "\\\\";
        break;
      case '\n':
        text += "\\n";
        break;
      case '\r':
        text += "\\r";
        break;
      case '\t':
        text += "\\t";
        break;
      default:
        text += c;
    }
  }
  return text;
}

ExitCode run_tokenize(const TokenizeOptions& options, const ProcessOptions& process) {
  const std::string text = read_text(options.file);  // a missing file shows at once
  const auto tokenizer = open_tokenizer(options.model);
  report_notices(tokenizer->notices(), process);
  EncodeOptions encoding{.special_tokens = false};
  if (!options.no_special) {
    encoding = {.bos = tokenizer->adds_bos(), .eos = tokenizer->adds_eos()};
  }
  const std::vector<TokenId> ids = tokenizer->encode(text, encoding);
  if (options.json) {
    Json pieces = Json::array();
    for (const TokenId id : ids) pieces.push_back(tokenizer->token(id));
    print_json_line({{"ids", ids}, {"pieces", std::move(pieces)}});
    return ExitCode::kDone;
  }
  for (const TokenId id : ids) {
    print(std::to_string(id) + "\t" + on_one_line(tokenizer->token(id)) + "\n");
  }
  return ExitCode::kDone;
}

}  // namespace

void setup_tokenize(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "tokenize",
      "Print the token ids and pieces of a text. BOS and EOS are added if the tokenizer "
      "adds them",
      "expandft tokenize --model models/gemma-3-1b-pt story.txt");
  command->group("Use");
  const auto options = std::make_shared<TokenizeOptions>();
  command->add_option("--model", options->model, "Model directory, or GGUF file")
      ->type_name("DIR|FILE")
      ->required();
  command->add_option("text", options->file, "Text, all of it; - for stdin")
      ->type_name("FILE|-")
      ->required();
  command->add_flag("--no-special", options->no_special,
                    "Neither BOS nor EOS; special tokens in the text are text");
  command->add_flag("--json", options->json, R"(One line: {"ids": [...], "pieces": [...]})");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_tokenize(*options, context.global.process); };
  });
}

}  // namespace expandft
