#pragma once

#include "base/files.h"
#include "base/json.h"
#include "config/data_source.h"
#include "config/drop_budget.h"
#include "config/field_reader.h"
#include "config/layer_selection.h"
#include "config/output_form.h"
#include "config/strength.h"
#include "config/token_weights.h"
#include "config/training_method.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

enum class LrScheduler { kConstant, kLinear, kCosine };
enum class Precision { kAuto, kFloat32, kBFloat16, kFloat16 };
/// Their names in run configs and on the command line.
inline constexpr std::pair<const char*, Precision> kPrecisionNames[] = {
    {"auto", Precision::kAuto},
    {"float32", Precision::kFloat32},
    {"bfloat16", Precision::kBFloat16},
    {"float16", Precision::kFloat16}};
/// Which weights of a run go to its outputs.
enum class OutputCheckpoint { kBest, kLast };
/// Where hidden states that frozen layers compute are kept from epoch to epoch.
enum class CachePrefix { kNone, kMemory, kDisk };
/// How a merged model is laid out: docs/formats.md.
enum class Layout { kAuto, kNative, kPadded, kRemoteCode, kDeci };
/// Their names in run configs, on the command line and in expandft.json.
inline constexpr std::pair<const char*, Layout> kLayoutNames[] = {
    {"auto", Layout::kAuto},
    {"native", Layout::kNative},
    {"padded", Layout::kPadded},
    {"remote-code", Layout::kRemoteCode},
    {"deci", Layout::kDeci}};
inline std::string layout_name(Layout layout) {
  for (const auto& [name, value] : kLayoutNames) {
    if (value == layout) return name;
  }
  return {};
}

struct ExpansionConfig {
  LayerSelection layers;    // required where the method expands
  std::int64_t copies = 2;  // k: how often the MLP stands in a layer, itself included; >= 2
  double noise = 0.02;      // between copies, where there are more than two
};

struct DataConfig {
  std::vector<DataSource> train;                // required
  std::vector<DataSource> validation;           // may be empty; its weights are 1
  std::optional<TemplateConfig> text_template;  // key "template": of sources without their own
  std::int64_t max_length = 1024;               // tokens a sequence
  bool packing = true;
  bool train_on_prompt = false;           // loss on prompt tokens too
  std::string chat_template = "auto";     // or a name, or a file (chat/model_chat.h)
  bool train_on_empty_reasoning = false;  // loss on "<think></think>" that a template adds
};

/// Factors on the learning rate of what expanded MLPs train, by projection.
struct LearningRateScales {
  double gate = 1, up = 1, down = 1;
  bool operator==(const LearningRateScales&) const = default;
};

struct TrainingConfig {
  std::optional<std::int64_t> epochs;  // exactly one of epochs (default 1) and max_steps
  std::optional<std::int64_t> max_steps;
  std::optional<std::int64_t>
      batch_size;  // sequences a step; exactly one of the two (default: batch_tokens 16384)
  std::optional<std::int64_t> batch_tokens;  // tokens a step
  // Exactly one of these two; default: micro_batch_size 8.
  std::optional<std::int64_t> micro_batch_size;  // sequences that a rank computes at once
  bool micro_batch_fits_memory = false;  // "auto": micro_batch_size is not set until it is chosen
  std::optional<std::int64_t> gradient_accumulation_steps;  // micro-batches of a rank's step
  double learning_rate = 1e-4;
  LrScheduler lr_scheduler = LrScheduler::kCosine;
  double warmup = 0.03;                       // below 1: share of all steps; 1 and above: steps
  double original_learning_rate_scale = 0.1;  // of originals that train beside their copies
  LearningRateScales learning_rate_scales;
  double min_lr_ratio = 0.0;  // share of learning_rate at the end of linear and cosine
  double weight_decay = 0.0;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double max_grad_norm = 1.0;  // 0 turns clipping off
  std::optional<double> ema;   // decay of the average of the weights; none: no average
  TokenWeights token_weights = TokenWeights::kNone;
  double stm_threshold = 2.5;  // perplexity of a token under the base
  Precision precision = Precision::kAuto;
  CachePrefix cache_prefix = CachePrefix::kNone;
  std::optional<std::uint64_t> cache_prefix_limit;  // bytes; none: 4 GB in memory, 32 on the disk
  bool gradient_checkpointing = false;
  bool shard_base = false;
  std::uint64_t seed = 7;
  std::int64_t checkpoint_every = 0;  // steps; 0: only when a signal ends the run
  std::int64_t keep_checkpoints = 2;
  OutputCheckpoint output_checkpoint = OutputCheckpoint::kBest;
  std::int64_t validate_every = 0;           // steps; 0: before the first step and at the end
  std::int64_t early_stopping_patience = 0;  // validations without a lower loss; 0: no end
  std::int64_t log_every = 1;                // steps between lines of metrics.jsonl
};

/// Sequences that each of `ranks` ranks computes at once: micro_batch_size, or a rank's part of
/// batch_size divided by gradient_accumulation_steps, rounded up. 1 while "auto" is not chosen yet.
std::int64_t sequences_at_once(const TrainingConfig& training, std::int64_t ranks);

/// What retention asks of the tuned model on its text.
enum class RetentionLoss { kDivergence, kCrossEntropy, kBoth };
/// Where retention compares the tuned model with its base.
enum class RetentionOn { kText, kData, kBoth };

/// Terms of the loss that hold the expanded model to its base.
struct RetentionConfig {
  double weight = 0.0;  // λ; 0: none
  RetentionLoss loss = RetentionLoss::kDivergence;
  RetentionOn on = RetentionOn::kText;
  std::vector<DataSource> text = {DataSource()};    // files, and "self": what the base samples
  std::optional<fs::path> prompts;                  // that the base continues for "self"
  std::int64_t samples = 256, sample_length = 256;  // of "self"
  std::int64_t batch_size = 8;                      // sequences a step

  bool uses_text() const { return weight > 0 && on != RetentionOn::kData; }
  bool uses_data() const { return weight > 0 && on != RetentionOn::kText; }
  /// Whether the base writes some of the text.
  bool samples_text() const;
};

struct EvaluationConfig {
  std::vector<std::string> original_tasks;  // names of built-ins, or paths of task files
  std::vector<std::string> tasks;
  std::vector<fs::path> task_data;  // folders where tasks find their data
  DropBudgets max_drop;
  std::int64_t every = 0;            // steps; 0: before the first step and at the end
  std::vector<double> strengths;     // 0..1, of the curve after training
  std::vector<std::string> prompts;  // of the samples; none: from the data
};

/// A run config, checked: what the user wrote over the defaults, with paths made absolute.
struct RunConfig {
  fs::path file;             // where it was read from; evaluation tasks are looked for beside it
  fs::path model;            // required: the base checkpoint, a directory or a GGUF file
  fs::path model_directory;  // where it is read from: `model`, or the import of the GGUF file
  fs::path output;           // required: the run directory
  ExpansionConfig expansion;
  TrainingMethod method;
  LoraConfig lora;
  Layout layout = Layout::kAuto;  // key "layout": of the merged model
  OutputForm output_form;         // keys "output_format" and "gguf_type": of the merged model
  Strength strength;              // of the merged model
  DataConfig data;
  TrainingConfig training;
  RetentionConfig retention;
  EvaluationConfig evaluation;
};

struct ResolvedConfig {
  RunConfig run;
  Json resolved;  // every key, defaults filled in, absolute paths
  std::vector<std::pair<std::string, ValueSource>>
      value_sources;  // JSON path ("training.learning_rate") and origin
};

/// Reads a config file and the --set overrides ("training.learning_rate=2e-4"; the value is JSON,
/// or a bare string). All problems are listed in one input error: JSON path, value, what is
/// allowed, nearest known key. Paths are relative to the config file (those of --set: to the
/// working folder).
ResolvedConfig load_run_config(const fs::path& file,
                               const std::vector<std::string>& overrides = {});

/// "training.learning_rate  0.0002  (command line)", a line for each value, aligned.
std::string describe_values(const ResolvedConfig& config);

/// The config's JSON Schema (draft 2020-12), from the same table that parses.
Json run_config_schema();
/// docs/configuration.md's reference of keys, from the same table.
std::string run_config_reference();

}  // namespace expandft
