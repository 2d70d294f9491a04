#include "chat/model_chat.h"
#include "cli/output.h"
#include "cli/prompts.h"
#include "cli/verbs.h"
#include "evaluation/generation.h"
#include "run/open_model.h"
#include "tokenizer/generated_text.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct GenerateOptions {
  ModelSource model;
  PromptOptions prompts;
  GenerationOptions generation;
  std::vector<std::string> stops;
  bool echo = false, json = false;
};

/// What the model is given to continue.
struct Question {
  std::string text;
  std::vector<TokenId> ids;
};

/// Puts prompts to a model: as they are, or with its chat template.
class Asking {
 public:
  Asking(const PromptOptions& options, const LoadedModel& model)
      : tokenizer_(*model.tokenizer),
        end_tokens_(expandft::end_tokens(model.directory, tokenizer_)) {
    if (!options.is_chat()) return;
    chat_.emplace(model.directory.path(), options.chat_template, tokenizer_);
    const std::vector<TokenId> ends = chat_->end_tokens();
    end_tokens_.insert(end_tokens_.end(), ends.begin(), ends.end());
  }

  Question ask(const GivenPrompt& prompt) const {
    if (!chat_) {
      const auto text = prompt.given.get<std::string>();
      return {text, tokenizer_.encode(text, {.bos = tokenizer_.adds_bos()})};
    }
    ChatPrompt chat = chat_->prompt(*prompt.conversation, prompt.where);
    return {std::move(chat.text), std::move(chat.ids)};
  }

  Json result(const GivenPrompt& prompt, const Question& question, const std::string& text,
              const Generation& generation) const {
    Json json = {{"prompt", prompt.given}};
    if (chat_) json["prompt_text"] = question.text;
    json["text"] = text;
    json["prompt_tokens"] = question.ids;
    json["tokens"] = generation.tokens;
    json["stop"] = stop_text(generation.stop);
    return json;
  }

  /// The ids that end what the model writes.
  const std::vector<TokenId>& end_tokens() const { return end_tokens_; }

 private:
  const Tokenizer& tokenizer_;
  std::vector<TokenId> end_tokens_;
  std::optional<ModelChat> chat_;
};

void hint_at_chat(const GivenPrompt& prompt, const LoadedModel& model) {
  if (prompt.conversation) return;
  const auto& text = prompt.given.get_ref<const std::string&>();
  if (!wants_chat(model.directory.path(), text, *model.tokenizer)) return;
  spdlog::info("the model has a chat template: --chat writes the prompt in it");
}

void warn_of_context(const LoadedModel& model) {
  spdlog::warn("stopped: the model has no positions left ({})", model.decoder.spec().max_positions);
}

ExitCode continue_one(const GivenPrompt& prompt, GenerateOptions options,
                      const LoadedModel& model) {
  const Asking asking(options.prompts, model);
  const Question question = asking.ask(prompt);
  options.generation.end_tokens = asking.end_tokens();

  StoppedStream stream(*model.tokenizer, !question.text.empty(), options.stops);
  options.generation.is_enough = [&](TokenId) { return stream.stopped(); };
  std::string text;
  const auto add = [&](const std::string& piece) {
    text += piece;
    if (options.json) return;
    print_generated(piece);
    flush_output();
  };
  if (options.echo) add(question.text);
  const Generation generation = generate(model.decoder, question.ids, options.generation,
                                         [&](TokenId id) { add(stream.push(id)); });
  add(stream.finish());
  if (generation.stop == StopReason::kContext) warn_of_context(model);
  if (options.json) {
    print_json(asking.result(prompt, question, text, generation));
  } else {
    print("\n");
  }
  return ExitCode::kDone;
}

/// Prints a line of JSON for each prompt of the file, in order, as soon as its batch is done.
ExitCode continue_all(const std::vector<GivenPrompt>& prompts, GenerateOptions options,
                      const LoadedModel& model) {
  constexpr std::size_t kAtOnce = 64;
  const Asking asking(options.prompts, model);
  std::vector<Question> questions;
  for (const GivenPrompt& prompt : prompts) {
    questions.push_back(asking.ask(prompt));
    check_prompt(questions.back().ids, model.decoder.spec().max_positions, prompt.where);
  }
  options.generation.end_tokens = asking.end_tokens();
  const std::uint64_t seed = options.generation.seed;
  bool lacked_context = false;
  for (std::size_t begin = 0; begin < prompts.size(); begin += kAtOnce) {
    const std::size_t end = std::min(begin + kAtOnce, prompts.size());
    std::vector<const std::vector<TokenId>*> batch;
    std::vector<StoppedStream> streams;
    std::vector<std::string> texts(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      batch.push_back(&questions[i].ids);
      streams.emplace_back(*model.tokenizer, !questions[i].text.empty(), options.stops);
    }
    const auto is_enough = [&](std::size_t place, TokenId id) {
      texts[place] += streams[place].push(id);
      return streams[place].stopped();
    };
    options.generation.seed = seed + begin;
    options.generation.where = begin + 1 == end
                                   ? prompts[begin].where
                                   : prompts[begin].where + " and the prompts that follow";
    const std::vector<Generation> written =
        generate_together(model.decoder, batch, options.generation, is_enough);
    for (std::size_t i = begin; i < end; ++i) {
      const Generation& generation = written[i - begin];
      texts[i - begin] += streams[i - begin].finish();
      print_json_line(asking.result(prompts[i], questions[i], texts[i - begin], generation));
      lacked_context = lacked_context || generation.stop == StopReason::kContext;
    }
    flush_output();
  }
  if (lacked_context) warn_of_context(model);
  return ExitCode::kDone;
}

ExitCode run_generate(const GenerateOptions& options, const ProcessOptions& process) {
  Notices notices;
  const std::vector<GivenPrompt> prompts = read_prompts(options.prompts, notices);
  report_notices(notices, process);
  const LoadedModel model = load_model(options.model, process);
  hint_at_chat(prompts.front(), model);
  return options.prompts.prompts.empty() ? continue_one(prompts.front(), options, model)
                                         : continue_all(prompts, options, model);
}

void add_sampling_options(CLI::App& command, GenerationOptions& options) {
  command.add_option("--max-tokens", options.max_tokens, "The most tokens to generate")
      ->type_name("N")
      ->capture_default_str()
      ->check(in_range(1, 1 << 30));
  command
      .add_option("--temperature", options.sampling.temperature,
                  "Below 1 sharpens, above 1 flattens; 0 always takes the likeliest token")
      ->type_name("T")
      ->capture_default_str()
      ->check(in_range(0.0, 100.0));
  command
      .add_option("--top-k", options.sampling.top_k,
                  "Sample from the K likeliest tokens; 0: from all")
      ->type_name("K")
      ->capture_default_str()
      ->check(in_range(0, 1 << 30));
  command
      .add_option("--top-p", options.sampling.top_p,
                  "Sample from the smallest set of tokens that together have probability P")
      ->type_name("P")
      ->capture_default_str()
      ->check(in_range(0.0, 1.0));
  command.add_option("--seed", options.seed, "The same seed gives the same text")
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace

void setup_generate(CLI::App& app, Context& context) {
  CLI::App* command =
      add_command(app, context, "generate", "Continue a prompt, or many, token by token",
                  "expandft generate --model runs/mathqa/merged --prompt $'Question: What is 2 + "
                  "3?\\nAnswer:'\n"
                  "  expandft generate --model runs/mathqa/merged --prompts questions.jsonl "
                  "--temperature 0 > answers.jsonl");
  command->group("Use");
  const auto options = std::make_shared<GenerateOptions>();
  command->add_option("--model", options->model.model, "Model directory")
      ->required()
      ->type_name("DIR");
  CLI::Option* const prompts = add_prompt_options(*command, options->prompts);
  add_sampling_options(*command, options->generation);
  command
      ->add_option("--stop", options->stops,
                   "A text that ends what is written and is not part of it; may be given again")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command->add_flag("--echo", options->echo, "Print the prompt too")->excludes(prompts);
  command
      ->add_flag("--json", options->json, "Print text, tokens and the reason for stopping as JSON")
      ->excludes(prompts);
  add_model_options(*command, options->model);
  command->callback([&context, options] {
    context.run = [&context, options] { return run_generate(*options, context.global.process); };
  });
}

}  // namespace expandft
