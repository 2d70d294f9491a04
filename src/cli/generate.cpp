#include "chat/chat_encoding.h"
#include "chat/chat_template.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "evaluation/generation.h"
#include "run/open_model.h"
#include "tokenizer/generated_text.h"

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

Question ask(const std::string& prompt, const GenerateOptions& options, const LoadedModel& model) {
  const Tokenizer& tokenizer = *model.tokenizer;
  Question question{prompt, {}, end_tokens(model.directory, tokenizer)};
  if (!options.chat) {
    question.ids = tokenizer.encode(prompt, {.bos = tokenizer.adds_bos()});
    if (wants_chat(model.directory.path(), prompt, tokenizer)) {
      spdlog::info("the model has a chat template: --chat writes the prompt in it");
    }
    return question;
  }
  const ChatFormat format = chat_format_of(model.directory.path(), options.chat_format, tokenizer);
  ChatPrompt chat = chat_prompt(format, prompt, "--prompt", tokenizer);
  question.text = std::move(chat.text);
  question.ids = std::move(chat.ids);
  question.end_tokens.insert(question.end_tokens.end(), chat.end_tokens.begin(),
                             chat.end_tokens.end());
  return question;
}

ExitCode run_generate(GenerateOptions options, const ProcessOptions& process) {
  const std::string prompt = read_prompt(options);
  const LoadedModel model = load_model(options.model, process);
  const Question question = ask(prompt, options, model);
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
  if (generation.stop == StopReason::kContext) {
    spdlog::warn("stopped: the model has no positions left ({})",
                 model.decoder.spec().max_positions);
  }
  if (options.json) {
    print_json({{"prompt", prompt},
                {"text", text},
                {"prompt_tokens", question.ids},
                {"tokens", generation.tokens},
                {"stop", stop_text(generation.stop)}});
  } else {
    print("\n");
  }
  return ExitCode::kDone;
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
      add_command(app, context, "generate", "Continue a prompt, token by token",
                  "expandft generate --model runs/mathqa/merged --prompt $'Question: What is 2 + "
                  "3?\\nAnswer:'");
  command->group("Use");
  const auto options = std::make_shared<GenerateOptions>();
  command->add_option("--model", options->model.model, "Model directory")
      ->required()
      ->type_name("DIR");
  CLI::Option* prompt =
      command->add_option("--prompt", options->prompt, "Text to continue; without it, stdin")
          ->type_name("TEXT");
  command->add_option("--prompt-file", options->prompt_file, "The same from a file (-: stdin)")
      ->type_name("FILE")
      ->excludes(prompt);
  CLI::Option* chat = command->add_flag(
      "--chat", options->chat, "Write the prompt as a user's message in the model's chat format");
  command
      ->add_option("--chat-format", options->chat_format,
                   "The format of --chat, as data.chat_format names it")
      ->type_name("NAME")
      ->capture_default_str()
      ->needs(chat);
  add_sampling_options(*command, options->generation);
  command->add_flag("--echo", options->echo, "Print the prompt too");
  command->add_flag("--json", options->json,
                    "Print text, tokens and the reason for stopping as JSON");
  add_model_options(*command, options->model);
  command->callback([&context, options] {
    context.run = [&context, options] { return run_generate(*options, context.global.process); };
  });
}

}  // namespace expandft
