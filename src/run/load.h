#pragma once

#include "base/notice.h"
#include "checkpoint/model_directory.h"
#include "cli/app.h"
#include "config/run_config.h"
#include "config/task_config.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace expandft {

/// How to load a model: options that several commands share.
struct ModelOptions {
  std::string model;                   // directory, or hub name
  std::optional<std::string> adapter;  // likewise; attached to the model when given
  Strength strength;                   // of the adapter
  std::string precision = "auto";      // auto, float32, bfloat16, float16
};

/// --precision
void add_precision_option(CLI::App& command, std::string& precision);
/// --adapter, --strength and --precision; --model is up to the command.
void add_model_options(CLI::App& command, ModelOptions& options);

/// --task-data
void add_task_data_option(CLI::App& command, std::vector<fs::path>& folders);

/// Input error at `where` for budget_problem (config/budget_check.h).
void check_budgets(const DropBudgets& budgets, const std::vector<TaskConfig>& originals,
                   const std::string& where);
/// The values of --max-drop, checked likewise.
DropBudgets read_budgets(const std::vector<std::string>& texts,
                         const std::vector<TaskConfig>& originals);

/// Tasks that the command line names: paths are relative to the working folder, not to a config.
std::vector<std::string> named_tasks(const std::vector<std::string>& names);

/// --strength
CLI::Option* add_strength_option(CLI::App& command, Strength& strength);

/// Where the model or adapter lies that an option names (find_model); the log says where a hub name
/// led to.
std::string found_model(const std::string& name);

/// The value of --precision.
Precision parse_precision(const std::string& name);

/// The first, then the second.
Notices joined(Notices first, const Notices& second);

/// Warns of each notice, once for all ranks. With --strict throws strict_error where there are any.
void report(const Notices& notices, const GlobalOptions& global);

/// Sets the number of CPU threads that was asked for.
void set_threads(const GlobalOptions& global);
/// The device that was asked for, with the number of CPU threads set.
at::Device prepare_device(const GlobalOptions& global);

/// Attaches an adapter, of expandft's or a LoRA of PEFT's, to a decoder of `base` at a strength
/// from 0 (the base) to 1 (as trained). Input errors as attach_adapter's and attach_lora's.
std::unique_ptr<Adaptation> attach(Decoder& decoder, const ModelDirectory& base,
                                   const fs::path& adapter, const Strength& strength);

/// The directory's tokenizer, checked against the vocabulary.
std::unique_ptr<const Tokenizer> load_tokenizer(const ModelDirectory& directory);
/// The directory's weights, with the adapter attached.
Decoder load_decoder(const ModelDirectory& directory, const ModelOptions& options,
                     at::Device device);

/// The same options with model and adapter found.
ModelOptions found_model(ModelOptions options);

struct LoadedModel {
  ModelDirectory directory;
  std::unique_ptr<const Tokenizer> tokenizer;  // null when it is not needed and cannot be read
  Decoder decoder;
};

enum class TokenizerUse { kRequired, kOptional };

/// Opens the directory, reads the tokenizer and checks it against the vocabulary, loads the weights
/// and attaches the adapter.
LoadedModel load_model(const ModelOptions& options, const GlobalOptions& global,
                       TokenizerUse tokenizer_use = TokenizerUse::kRequired);

}  // namespace expandft
