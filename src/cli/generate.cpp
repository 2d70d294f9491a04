#include "base/error.h"
#include "chat/chat_encoding.h"
#include "chat/chat_template.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "data/text_file.h"
#include "evaluation/generation.h"
#include "run/open_model.h"
#include "tokenizer/generated_text.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct GenerateOptions {
  ModelSource model;
  std::optional<std::string> prompt, prompt_file;
  std::string prompts;  // a file of many
  GenerationOptions generation;
  bool chat = false;
  std::string chat_format = "auto";
  bool echo = false, json = false;
};

std::string read_prompt(const GenerateOptions& options) {
  if (options.prompt) return *options.prompt;
  return read_text(options.prompt_file.value_or("-"));
}

/// What the model is given to continue, and the ids that end what it writes.
struct Question {
  std::string text;
  std::vector<TokenId> ids, end_tokens;
};

void hint_at_chat(const std::string& prompt, const GenerateOptions& options,
                  const LoadedModel& model) {
  if (options.chat || !wants_chat(model.directory.path(), prompt, *model.tokenizer)) return;
  spdlog::info("the model has a chat template: --chat writes the prompt in it");
}

/// `where` names the prompt in errors.
Question ask(const std::string& prompt, const std::string& where, const GenerateOptions& options,
             const LoadedModel& model) {
  const Tokenizer& tokenizer = *model.tokenizer;
  Question question{prompt, {}, end_tokens(model.directory, tokenizer)};
  if (!options.chat) {
    question.ids = tokenizer.encode(prompt, {.bos = tokenizer.adds_bos()});
    return question;
  }
  const ChatFormat format = chat_format_of(model.directory.path(), options.chat_format, tokenizer);
  ChatPrompt chat = chat_prompt(format, prompt, where, tokenizer);
  question.text = std::move(chat.text);
  question.ids = std::move(chat.ids);
  question.end_tokens.insert(question.end_tokens.end(), chat.end_tokens.begin(),
                             chat.end_tokens.end());
  return question;
}

Json generation_json(const std::string& prompt, const std::string& text, const Question& question,
                     const Generation& generation) {
  return {{"prompt", prompt},
          {"text", text},
          {"prompt_tokens", question.ids},
          {"tokens", generation.tokens},
          {"stop", stop_text(generation.stop)}};
}

void warn_of_context(const LoadedModel& model) {
  spdlog::warn("stopped: the model has no positions left ({})", model.decoder.spec().max_positions);
}

ExitCode continue_one(GenerateOptions options, const ProcessOptions& process) {
  const std::string prompt = read_prompt(options);
  const LoadedModel model = load_model(options.model, process);
  hint_at_chat(prompt, options, model);
  const Question question = ask(prompt, "--prompt", options, model);
  options.generation.end_tokens = question.end_tokens;

  StreamDecoder stream(*model.tokenizer, !question.text.empty());
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
    print_json(generation_json(prompt, text, question, generation));
  } else {
    print("\n");
  }
  return ExitCode::kDone;
}

struct PlacedPrompt {
  std::string text, where;
};

/// The field `prompt` of each row of JSON lines.
std::vector<PlacedPrompt> read_prompts(const std::string& file) {
  std::vector<PlacedPrompt> prompts;
  for_each_json_line(file, [&](const Json& row, std::int64_t line) {
    const std::string where = file + ":" + std::to_string(line);
    const auto found = row.find("prompt");
    if (found == row.end() || !found->is_string()) {
      throw input_error("no text \"prompt\"", where, "each row of --prompts is an object with it");
    }
    prompts.push_back({found->get<std::string>(), where});
  });
  if (prompts.empty()) throw input_error("there are no prompts", file);
  return prompts;
}

/// Prints a line of JSON for each prompt of the file, in order, as soon as its batch is done.
ExitCode continue_all(GenerateOptions options, const ProcessOptions& process) {
  constexpr std::size_t kAtOnce = 64;
  const std::vector<PlacedPrompt> prompts = read_prompts(options.prompts);
  const LoadedModel model = load_model(options.model, process);
  hint_at_chat(prompts.front().text, options, model);
  std::vector<Question> questions;
  for (const PlacedPrompt& prompt : prompts) {
    questions.push_back(ask(prompt.text, prompt.where, options, model));
    check_prompt(questions.back().ids, model.decoder.spec().max_positions, prompt.where);
  }
  options.generation.end_tokens = questions.front().end_tokens;
  const std::uint64_t seed = options.generation.seed;
  bool lacked_context = false;
  for (std::size_t begin = 0; begin < prompts.size(); begin += kAtOnce) {
    const std::size_t end = std::min(begin + kAtOnce, prompts.size());
    std::vector<const std::vector<TokenId>*> batch;
    for (std::size_t i = begin; i < end; ++i) batch.push_back(&questions[i].ids);
    options.generation.seed = seed + begin;
    options.generation.where = begin + 1 == end
                                   ? prompts[begin].where
                                   : prompts[begin].where + " and the prompts that follow";
    const std::vector<Generation> written =
        generate_together(model.decoder, batch, options.generation);
    for (std::size_t i = begin; i < end; ++i) {
      const Generation& generation = written[i - begin];
      StreamDecoder stream(*model.tokenizer, !questions[i].text.empty());
      std::string text;
      for (const TokenId id : generation.tokens) text += stream.push(id);
      text += stream.finish();
      print_json_line(generation_json(prompts[i].text, text, questions[i], generation));
      lacked_context = lacked_context || generation.stop == StopReason::kContext;
    }
    flush_output();
  }
  if (lacked_context) warn_of_context(model);
  return ExitCode::kDone;
}

ExitCode run_generate(const GenerateOptions& options, const ProcessOptions& process) {
  return options.prompts.empty() ? continue_one(options, process) : continue_all(options, process);
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
  CLI::Option* prompt =
      command->add_option("--prompt", options->prompt, "Text to continue; without it, stdin")
          ->type_name("TEXT");
  CLI::Option* prompt_file =
      command->add_option("--prompt-file", options->prompt_file, "The same from a file (-: stdin)")
          ->type_name("FILE")
          ->excludes(prompt);
  CLI::Option* prompts =
      command
          ->add_option("--prompts", options->prompts,
                       "Continue many prompts together: JSON lines with a field \"prompt\". Prints "
                       "a line of JSON for each, in order; the i-th, from 0, draws with seed + i")
          ->type_name("FILE")
          ->excludes(prompt)
          ->excludes(prompt_file);
  CLI::Option* chat = command->add_flag(
      "--chat", options->chat, "Write the prompt as a user's message in the model's chat format");
  command
      ->add_option("--chat-format", options->chat_format,
                   "The format of --chat, as data.chat_format names it")
      ->type_name("NAME")
      ->capture_default_str()
      ->needs(chat);
  add_sampling_options(*command, options->generation);
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
