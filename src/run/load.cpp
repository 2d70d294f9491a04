#include "run/load.h"

#include "config/budget_check.h"
#include "config/hub_cache.h"
#include "families/families.h"
#include "growth/attach.h"
#include "methods/lora.h"
#include "runtime/device.h"
#include "runtime/memory.h"

#include <utility>

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

std::unique_ptr<const Tokenizer> load_tokenizer(const ModelDirectory& directory, TokenizerUse use) {
  try {
    return load_tokenizer(directory);
  } catch (const Error& error) {
    if (use == TokenizerUse::kRequired) throw;
    spdlog::debug("tokens have no names: {}", error.message());
    return nullptr;
  }
}

}  // namespace

void add_precision_option(CLI::App& command, std::string& precision) {
  command
      .add_option("--precision", precision,
                  "To compute in: auto, float32, bfloat16 or float16; auto is float32 on a CPU and "
                  "bfloat16 on a GPU")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(one_of({"auto", "float32", "bfloat16", "float16"}));
}

void add_model_options(CLI::App& command, ModelOptions& options) {
  CLI::Option* adapter =
      command.add_option("--adapter", options.adapter, "Adapter to attach to the model")
          ->type_name("DIR");
  add_strength_option(command, options.strength)->needs(adapter);
  add_precision_option(command, options.precision);
}

void add_task_data_option(CLI::App& command, std::vector<fs::path>& folders) {
  command
      .add_option("--task-data", folders,
                  "Folder where tasks find their data; several times for several")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory)
      ->allow_extra_args(false);
}

void check_budgets(const DropBudgets& budgets, const std::vector<TaskConfig>& originals,
                   const std::string& where) {
  if (const auto problem = budget_problem(budgets, originals)) throw input_error(*problem, where);
}

DropBudgets read_budgets(const std::vector<std::string>& texts,
                         const std::vector<TaskConfig>& originals) {
  DropBudgets budgets;
  for (const std::string& text : texts) add_budget(text, "--max-drop", budgets);
  check_budgets(budgets, originals, "--max-drop");
  return budgets;
}

std::vector<std::string> named_tasks(const std::vector<std::string>& names) {
  std::vector<std::string> tasks;
  for (const std::string& name : names) {
    tasks.push_back(is_task_path(name) ? fs::absolute(name).string() : name);
  }
  return tasks;
}

CLI::Option* add_strength_option(CLI::App& command, Strength& strength) {
  return command
      .add_option_function<std::string>(
          "--strength",
          [&strength](const std::string& text) {
            const auto parsed = parse_strength(text);
            if (!parsed) {
              throw CLI::ValidationError(
                  "--strength", "found " + text +
                                    "; expected a number from 0 to 1, or A:B, from the first layer "
                                    "to the last");
            }
            strength = *parsed;
          },
          "How much of the adapter counts: 0 is the base model, 1 the tuned one; A:B is a line "
          "over depth, A in the first layer and B in the last")
      ->type_name("S")
      ->default_str("1");
}

std::string found_model(const std::string& name) {
  const std::string path = find_model(name, name).string();
  if (path != name) spdlog::info("{}: found in the Hugging Face cache, {}", name, path);
  return path;
}

ModelOptions found_model(ModelOptions options) {
  options.model = found_model(options.model);
  if (options.adapter) options.adapter = found_model(*options.adapter);
  return options;
}

Precision parse_precision(const std::string& name) {
  if (name == "float32") return Precision::kFloat32;
  if (name == "bfloat16") return Precision::kBFloat16;
  if (name == "float16") return Precision::kFloat16;
  return Precision::kAuto;
}

Notices joined(Notices first, const Notices& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void report(const Notices& notices, const GlobalOptions& global) {
  if (notices.empty()) return;
  if (global.strict) throw strict_error(notices);
  if (!global.is_first_rank) return;
  for (const std::string& text : notice_texts(notices)) spdlog::warn("{}", text);
}

void set_threads(const GlobalOptions& global) {
  if (global.threads > 0) at::set_num_threads(global.threads);
}

at::Device prepare_device(const GlobalOptions& global) {
  keep_freed_memory();
  set_threads(global);
  return select_device(global.device, global.gpu);
}

std::unique_ptr<Adaptation> attach(Decoder& decoder, const ModelDirectory& base,
                                   const fs::path& adapter, const Strength& strength) {
  std::unique_ptr<Adaptation> attached;
  if (is_peft_adapter(adapter)) {
    attached = attach_lora(decoder, base, PeftAdapter::open(adapter));
  } else {
    attached = std::make_unique<Expansion>(attach_adapter(decoder, base, adapter));
  }
  attached->set_strength(strength);
  return attached;
}

std::unique_ptr<const Tokenizer> load_tokenizer(const ModelDirectory& directory) {
  auto tokenizer = Tokenizer::load(directory.path());
  check_vocabulary(*tokenizer, read_spec(directory).vocab, directory.path().string());
  return tokenizer;
}

Decoder load_decoder(const ModelDirectory& directory, const ModelOptions& options,
                     at::Device device) {
  Decoder decoder =
      Decoder::load(directory, compute_dtype(parse_precision(options.precision), device), device);
  if (options.adapter) attach(decoder, directory, *options.adapter, options.strength);
  spdlog::info("loaded {} on {}", model_name(directory.path()), device_name(device));
  return decoder;
}

LoadedModel load_model(const ModelOptions& named, const GlobalOptions& global,
                       TokenizerUse tokenizer_use) {
  const ModelOptions options = found_model(named);
  ModelDirectory directory = ModelDirectory::open(options.model);
  report(read_spec(directory).notices, global);
  std::unique_ptr<const Tokenizer> tokenizer = load_tokenizer(directory, tokenizer_use);
  if (tokenizer != nullptr) report(tokenizer->notices(), global);
  const at::Device device = prepare_device(global);
  Decoder decoder = load_decoder(directory, options, device);
  return {std::move(directory), std::move(tokenizer), std::move(decoder)};
}

}  // namespace expandft
