#include "config/run_config.h"

#include "base/error.h"
#include "base/numbers.h"
#include "config/data_source.h"
#include "config/drop_budget.h"
#include "config/field_reader.h"
#include "config/fields.h"
#include "config/hub_cache.h"
#include "config/json_check.h"
#include "config/task_config.h"
#include "config/task_search.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace expandft {
namespace {

constexpr std::int64_t kMost = 1'000'000'000;  // of steps, tokens, sequences
constexpr std::int64_t kMostTokens = 1'048'576;
constexpr std::int64_t kMostExactInJson = 9'007'199'254'740'991;  // 2^53 - 1

/// A share of all steps or a number of steps, told apart by size.
Field warmup_field(std::string path, double& member, std::string doc) {
  const Json share = {{"type", "number"}, {"minimum", 0}, {"exclusiveMaximum", 1}};
  const Json steps = {{"type", "integer"}, {"minimum", 1}, {"maximum", kMost}};
  return make_field(
             std::move(path), {{"anyOf", Json::array({share, steps})}}, std::move(doc),
             [&member](const Json& value, const fs::path&) { member = value.get<double>(); },
             [&member] { return Json(member); })
      .allowing("a share of all steps from 0 to below 1, or a whole number of steps");
}

/// A number, or "auto".
Field micro_batch_field(std::string path, TrainingConfig& training, std::string doc) {
  Json number = from_to<std::int64_t>(1, kMost);
  number["type"] = "integer";
  const Json automatic = {{"type", "string"}, {"enum", Json::array({"auto"})}};
  return make_nullable(make_field(
                           std::move(path), {{"anyOf", Json::array({number, automatic})}},
                           std::move(doc),
                           [&training](const Json& value, const fs::path&) {
                             training.micro_batch_fits_memory = value.is_string();
                             training.micro_batch_size.reset();
                             if (!value.is_string()) training.micro_batch_size = to_integer(value);
                           },
                           [&training]() -> Json {
                             if (training.micro_batch_size) return *training.micro_batch_size;
                             return training.micro_batch_fits_memory ? Json("auto") : Json();
                           }))
      .defaults_to(8);
}

/// Divides training.batch_size, whose field must come before in the table.
Field accumulation_field(std::string path, TrainingConfig& training, std::string doc) {
  Field field = integer_field(std::move(path), training.gradient_accumulation_steps,
                              from_to<std::int64_t>(1, kMost), std::move(doc));
  field.store = [&training, store = field.store](const Json& value, const fs::path& folder) {
    if (!training.batch_size) {
      throw input_error("it needs training.batch_size, the sequences of a step, to divide", "",
                        "with training.batch_tokens, set training.micro_batch_size");
    }
    if (*training.batch_size % to_integer(value) != 0) {
      throw input_error("it does not divide training.batch_size, " +
                        std::to_string(*training.batch_size));
    }
    store(value, folder);
  };
  return field;
}

/// As JSON Schema: gradient_accumulation_steps needs batch_size.
Json accumulation_rule() {
  const auto given = [](const char* key) {
    return Json{{"required", Json::array({key})},
                {"properties", {{key, {{"not", {{"type", "null"}}}}}}}};
  };
  const auto in_training = [](const Json& rule) {
    return Json{{"required", Json::array({"training"})}, {"properties", {{"training", rule}}}};
  };
  return {{"if", in_training(given("gradient_accumulation_steps"))},
          {"then", in_training(given("batch_size"))}};
}

Field names_field(std::string path, std::vector<std::string>& member, std::string doc) {
  const Json item = {{"type", "string"}, {"minLength", 1}};
  return make_field(
             std::move(path), {{"type", "array"}, {"items", item}}, std::move(doc),
             [&member](const Json& value, const fs::path& folder) {
               member.clear();
               for (const std::string name : value) {
                 member.push_back(is_task_path(name) ? resolve_path(name, folder).string() : name);
               }
             },
             [&member] { return Json(member); })
      .allowing("a list of task names and paths");
}

Field texts_field(std::string path, std::vector<std::string>& member, std::string doc) {
  const Json item = {{"type", "string"}, {"minLength", 1}};
  return make_field(
             std::move(path), {{"type", "array"}, {"items", item}}, std::move(doc),
             [&member](const Json& value, const fs::path&) {
               member = value.get<std::vector<std::string>>();
             },
             [&member] { return Json(member); })
      .allowing("a list of strings");
}

Field numbers_field(std::string path, std::vector<double>& member, const Json& bounds,
                    std::string doc) {
  Json item = {{"type", "number"}};
  item.update(bounds);
  return make_field(
      std::move(path), {{"type", "array"}, {"items", item}}, std::move(doc),
      [&member](const Json& value, const fs::path&) { member = value.get<std::vector<double>>(); },
      [&member] { return Json(member); });
}

Field folders_field(std::string path, std::vector<fs::path>& member, std::string doc) {
  return make_field(
             std::move(path), {{"type", "array"}, {"items", path_schema()}}, std::move(doc),
             [&member](const Json& value, const fs::path& folder) {
               member.clear();
               for (const Json& one : value) {
                 member.push_back(resolve_path(one.get<std::string>(), folder));
               }
             },
             [&member] {
               Json paths = Json::array();
               for (const fs::path& one : member) paths.push_back(one.string());
               return paths;
             })
      .allowing("a list of folders");
}

/// "500MB", "4GB": decimal units.
Field size_field(std::string path, std::optional<std::uint64_t>& member, std::string doc) {
  const char* const words = R"(a size such as "500MB" or "4GB")";
  constexpr std::uint64_t kMega = 1'000'000, kGiga = 1'000'000'000;
  return make_nullable(
             make_field(
                 std::move(path), {{"type", "string"}, {"pattern", "^[1-9][0-9]{0,5}(MB|GB)$"}},
                 std::move(doc),
                 [&member, words](const Json& value, const fs::path&) {
                   const std::string text = value;
                   std::uint64_t count = 0;
                   const auto [end, error] =
                       std::from_chars(text.data(), text.data() + text.size(), count);
                   const std::string unit(end, text.data() + text.size());
                   const bool fits = error == std::errc() && count > 0 && count < kMega &&
                                     text.front() != '0' && (unit == "MB" || unit == "GB");
                   if (!fits) throw input_error("found " + value.dump() + "; allowed: " + words);
                   member = count * (unit == "GB" ? kGiga : kMega);
                 },
                 [&member]() -> Json {
                   if (!member) return nullptr;
                   const bool whole = *member % kGiga == 0;
                   return std::to_string(*member / (whole ? kGiga : kMega)) + (whole ? "GB" : "MB");
                 }))
      .allowing(words);
}

/// A number, or null.
Field optional_number_field(std::string path, std::optional<double>& member, const Json& bounds,
                            std::string doc) {
  Json schema = {{"type", "number"}};
  schema.update(bounds);
  return make_nullable(make_field(
      std::move(path), schema, std::move(doc),
      [&member](const Json& value, const fs::path&) { member = value.get<double>(); },
      [&member] { return member ? Json(*member) : Json(); }));
}

/// A name, or the path of a file if it looks like one.
Field chat_template_field(std::string path, std::string& member, std::string doc) {
  return make_field(
             std::move(path), path_schema(), std::move(doc),
             [&member](const Json& value, const fs::path& folder) {
               const std::string text = value;
               const bool is_file = text.find('/') != text.npos || text.ends_with(".jinja");
               member = is_file ? resolve_path(text, folder).string() : text;
             },
             [&member] { return Json(member); })
      .allowing("\"auto\", a name, or the path of a .jinja file");
}

/// A folder, or a name of the Hugging Face hub that is in its cache. One that is not found stays
/// the path that it could be: check_run_inputs says it.
Field model_field(std::string path, fs::path& member, std::string doc) {
  return make_field(
             std::move(path), path_schema(), std::move(doc),
             [&member](const Json& value, const fs::path& folder) {
               member = resolve_path(value, folder);
               try {
                 member = find_model(value, member);
               } catch (const Error&) {
               }
             },
             [&member] { return Json(member.string()); })
      .allowing("a folder or a GGUF file, or the name of a model in the Hugging Face cache");
}

/// The one table of keys: their order, meaning, range and member. Defaults are the members' initial
/// values.
FieldTable run_config_fields(RunConfig& run) {
  ExpansionConfig& expansion = run.expansion;
  DataConfig& data = run.data;
  TrainingConfig& training = run.training;
  EvaluationConfig& evaluation = run.evaluation;
  FieldTable table;
  table.title = "expandft run config";
  table.hint = "docs/configuration.md describes every key; \"expandft schema\" prints them";
  table.foreign = foreign_run_keys();
  table.groups = {
      {"expansion", "Which layers grow, and by how much."},
      {"lora", "Settings for `\"method\": \"lora\"`."},
      {"data", "Training and validation data."},
      {"data.template",
       "How a JSON line becomes text. `{field}` inserts a field of the line; `{{` and `}}` are "
       "literal braces. Without a template, a line has `prompt` and `completion`; `instruction`, "
       "`input` and `output`; `messages`; or `text`.",
       true},
      {"training", "Steps, optimizer, precision, memory, checkpoints and logging."},
      {"training.learning_rate_scales",
       "Factors on the learning rate of the trained projections of expanded MLPs, for the methods "
       "`new`, `mlp` and `zero-init`."},
      {"retention",
       "Keeps the tuned model close to its base: a term of the loss measures how far their "
       "predictions diverge on text like the base's own, or on the training data. No second model "
       "is needed."},
      {"evaluation", "What is measured before and after training."},
  };
  table.exclusive = {{"training.epochs", "training.max_steps"},
                     {"training.batch_size", "training.batch_tokens"},
                     {"training.micro_batch_size", "training.gradient_accumulation_steps"}};
  table.fields = {
      model_field("model", run.model,
                  "Folder of the base checkpoint, or its name on the Hugging Face hub if it is in "
                  "the local cache: `org/name` or `org/name@revision`. It is never changed.")
          .required(),
      path_field("output", run.output, "Folder to write the run to.").required(),
      method_field("method", run.method,
                   "What is trained. `new`: the added width of expanded MLPs, with everything else "
                   "frozen. `mlp`: the original MLPs of expanded layers too (slower). For "
                   "comparison: `zero-init` (added width that starts at zero), `llama-pro` (added "
                   "layers), `lora`, `full`, and `last:N` (the last N layers)."),
      layers_field("expansion.layers", expansion.layers,
                   "Layers to expand; with `llama-pro`, the layers after which one is added. "
                   "Negative integers count from the end, `every:N` takes the last layer of each "
                   "group of N, and `a-b` includes both ends. `{\"auto\": N}` chooses the N layers "
                   "whose MLPs a probe on the training data would change most. Required by `new`, "
                   "`mlp`, `zero-init` and `llama-pro`; the other methods ignore it.")
          .required_if([&run] { return run.method.expands(); }),
      integer_field("expansion.copies", expansion.copies, from_to(2, 64),
                    "Copies of the MLP in an expanded layer, including the original."),
      number_field("expansion.noise", expansion.noise, from_to(0, 1),
                   "With more than two copies: noise that makes the copies of a layer differ, "
                   "relative to the size of their down weights. It sums to zero over the copies."),
      integer_field("lora.rank", run.lora.rank, from_to(1, 4096), "Rank of the LoRA updates."),
      number_field("lora.alpha", run.lora.alpha, above_to(0.0, 65536.0),
                   "LoRA updates are scaled by `alpha / rank`."),
      lora_targets_field("lora.targets", run.lora.targets,
                         "Projections that LoRA updates, in every layer."),
      choice_field<Layout>(
          "layout", run.layout, {std::begin(kLayoutNames), std::end(kLayoutNames)},
          "Layout of the merged model, which decides where it can be loaded: docs/formats.md."),
      choice_field<OutputFormat>("output_format", run.output_form.format,
                                 {std::begin(kOutputFormatNames), std::end(kOutputFormatNames)},
                                 "The merged model as a Hugging Face directory (`merged/`), or as "
                                 "a GGUF file for llama.cpp "
                                 "(`merged.gguf`)."),
      choice_field<GgufNumberType>(
          "gguf_type", run.output_form.gguf_type,
          {std::begin(kGgufNumberTypeNames), std::end(kGgufNumberTypeNames)},
          "Type of the matrices in the GGUF file; `auto` is the checkpoint's dtype."),
      strength_field("strength", run.strength,
                     "Share of the learned change that the merged model contains: 1 is the model "
                     "as trained, 0 the base. `a:b` varies linearly with depth, from `a` in the "
                     "first layer to `b` in the last."),
      sources_field("data.train", data.train, SourceUse::kTraining,
                    "Text files (`.txt`) or JSON lines (`.jsonl`): a file, a folder, a glob, or a "
                    "list of these, each optionally with its own weight and template.")
          .required(),
      sources_field("data.validation", data.validation, SourceUse::kValidation,
                    "Held-out data, given in the same way but without weights."),
      text_field("data.template.prompt", data.text_template, &TemplateConfig::prompt,
                 "Text that the model is given.")
          .required(),
      text_field("data.template.completion", data.text_template, &TemplateConfig::completion,
                 "Text that the model learns.")
          .required(),
      integer_field("data.max_length", data.max_length, from_to<std::int64_t>(2, kMostTokens),
                    "Maximum tokens per sequence."),
      flag_field("data.packing", data.packing,
                 "Pack several examples into one sequence; they do not attend to each other."),
      flag_field("data.train_on_prompt", data.train_on_prompt,
                 "Compute the loss on prompt tokens too."),
      chat_template_field("data.chat_template", data.chat_template,
                          "Chat template of lines with `messages`: `auto` is the model's own. Or "
                          "the name of another "
                          "one of the model's, the name of a built-in one, or a Jinja file."),
      flag_field(
          "data.train_on_empty_reasoning", data.train_on_empty_reasoning,
          "Compute the loss on an empty `<think></think>` that a chat template writes before "
          "an answer without reasoning; otherwise it is context."),
      integer_field("training.epochs", training.epochs, from_to<std::int64_t>(1, kMost),
                    "Passes over the training data. Cannot be combined with `max_steps`.")
          .defaults_to(1),
      integer_field("training.max_steps", training.max_steps, from_to<std::int64_t>(1, kMost),
                    "Optimizer steps. Cannot be combined with `epochs`."),
      integer_field("training.batch_size", training.batch_size, from_to<std::int64_t>(1, kMost),
                    "Sequences per step, over all ranks. Cannot be combined with `batch_tokens`."),
      integer_field("training.batch_tokens", training.batch_tokens, from_to<std::int64_t>(1, kMost),
                    "Tokens per step, over all ranks. Cannot be combined with `batch_size`.")
          .defaults_to(16384),
      micro_batch_field(
          "training.micro_batch_size", training,
          "Sequences that each rank computes at once; a larger step accumulates gradients. `auto`: "
          "as many as fit in the memory that is free before the first step; the run keeps the "
          "number. Cannot be combined with `gradient_accumulation_steps`."),
      accumulation_field(
          "training.gradient_accumulation_steps", training,
          "Micro-batches per step on each rank, in place of `micro_batch_size`: each then holds "
          "`batch_size / (gradient_accumulation_steps × ranks)` sequences, rounded up. Must divide "
          "`batch_size`."),
      number_field("training.learning_rate", training.learning_rate, above_to(0, 1),
                   "Peak learning rate of AdamW."),
      choice_field<LrScheduler>("training.lr_scheduler", training.lr_scheduler,
                                {{"constant", LrScheduler::kConstant},
                                 {"linear", LrScheduler::kLinear},
                                 {"cosine", LrScheduler::kCosine}},
                                "How the learning rate changes after warmup."),
      warmup_field("training.warmup", training.warmup,
                   "Linear warmup of the learning rate: a share of all steps if below 1, otherwise "
                   "a number of steps."),
      number_field("training.min_lr_ratio", training.min_lr_ratio, from_to(0, 1),
                   "Learning rate at the end of `linear` and `cosine`, as a share of "
                   "`learning_rate`."),
      number_field("training.original_learning_rate_scale", training.original_learning_rate_scale,
                   from_to(0, 1),
                   "With `\"method\": \"mlp\"`: learning rate of the original MLPs, as a share of "
                   "the learning rate of the copies."),
      number_field("training.learning_rate_scales.gate", training.learning_rate_scales.gate,
                   from_to(0, 100), "Of the gate projections."),
      number_field("training.learning_rate_scales.up", training.learning_rate_scales.up,
                   from_to(0, 100), "Of the up projections."),
      number_field("training.learning_rate_scales.down", training.learning_rate_scales.down,
                   from_to(0, 100), "Of the down projections."),
      choice_field<TokenWeights>(
          "training.token_weights", training.token_weights,
          {{"none", TokenWeights::kNone},
           {"eaft", TokenWeights::kEaft},
           {"dft", TokenWeights::kDft},
           {"stm", TokenWeights::kStm}},
          "How much each target counts in the training loss. `eaft`: by the entropy of the model's "
          "20 likeliest tokens; `dft`: by the target's probability; `stm`: not at all where it "
          "surprises the base: docs/method.md#token-weights."),
      number_field("training.stm_threshold", training.stm_threshold,
                   {{"exclusiveMinimum", 1}, {"maximum", 1000000}},
                   "With `stm`: targets do not count whose perplexity under the base, 1 / "
                   "probability, is above this."),
      optional_number_field("training.ema", training.ema, above_to(0.0, 0.99999),
                            "Decay per step of an average of the weights, such as 0.99. It is what "
                            "is validated, evaluated and written; training goes on from the "
                            "weights themselves. null: no average."),
      number_field("training.weight_decay", training.weight_decay, from_to(0, 10),
                   "Decoupled weight decay of AdamW."),
      number_field("training.beta1", training.beta1, from_below(0, 1),
                   "AdamW's decay rate for the mean of the gradient."),
      number_field("training.beta2", training.beta2, from_below(0, 1),
                   "AdamW's decay rate for the mean of the squared gradient."),
      number_field("training.epsilon", training.epsilon, above_to(0, 1),
                   "Constant added to AdamW's denominator."),
      number_field("training.max_grad_norm", training.max_grad_norm, from(0),
                   "Maximum norm of the gradient; a larger gradient is scaled down to it. 0 turns "
                   "clipping off."),
      choice_field<Precision>("training.precision", training.precision,
                              {std::begin(kPrecisionNames), std::end(kPrecisionNames)},
                              "Number format of the computation. `auto`: `bfloat16` on a GPU, and "
                              "on a CPU that has AMX or AVX512-BF16 if a short measurement finds "
                              "it faster; otherwise `float32`. The run keeps what was chosen."),
      choice_field<CachePrefix>(
          "training.cache_prefix", training.cache_prefix,
          {{"none", CachePrefix::kNone},
           {"memory", CachePrefix::kMemory},
           {"disk", CachePrefix::kDisk}},
          "Where to cache the hidden states that enter the lowest trained layer, so that the "
          "frozen layers below it run only in the first epoch: docs/method.md#the-frozen-layers."),
      size_field("training.cache_prefix_limit", training.cache_prefix_limit,
                 "Maximum size of this cache; what does not fit is computed again each time. "
                 "Without it: 4 GB in memory, 32 GB on disk."),
      flag_field("training.gradient_checkpointing", training.gradient_checkpointing,
                 "Keep only the input of each layer for the backward pass and recompute the layer "
                 "there: less memory for one more forward pass, and the same weights."),
      flag_field("training.shard_base", training.shard_base,
                 "With several ranks, keep only a share of the frozen layers on each and gather "
                 "them one by one: less memory, more communication. For the methods `new` and "
                 "`zero-init`."),
      integer_field("training.seed", training.seed, from_to<std::int64_t>(0, kMostExactInJson),
                    "Random seed: the same seed on the same machine gives the same weights."),
      integer_field(
          "training.checkpoint_every", training.checkpoint_every, from_to<std::int64_t>(0, kMost),
          "Steps between checkpoints; 0: only at the end of training, or when a signal stops it."),
      integer_field("training.keep_checkpoints", training.keep_checkpoints,
                    from_to<std::int64_t>(1, kMost),
                    "Number of newest checkpoints to keep, besides the best one."),
      choice_field<OutputCheckpoint>(
          "training.output_checkpoint", training.output_checkpoint,
          {{"best", OutputCheckpoint::kBest}, {"last", OutputCheckpoint::kLast}},
          "Weights for the adapter and the merged model: those with the lowest validation loss "
          "after step 0, or the last."),
      integer_field("training.validate_every", training.validate_every,
                    from_to<std::int64_t>(0, kMost),
                    "Steps between validations; 0: only before the first step and at the end."),
      integer_field("training.early_stopping_patience", training.early_stopping_patience,
                    from_to<std::int64_t>(0, kMost),
                    "Validations in a row without a lower loss after which training stops; 0: "
                    "never."),
      integer_field("training.log_every", training.log_every, from_to<std::int64_t>(1, kMost),
                    "Steps between lines of metrics.jsonl."),
      number_field("retention.weight", run.retention.weight, from_to(0, 1000),
                   "Weight in the loss of each term of retention, such as the mean divergence per "
                   "token, KL(base ‖ tuned); 0 turns retention off."),
      choice_field<RetentionLoss>(
          "retention.loss", run.retention.loss,
          {{"kl", RetentionLoss::kDivergence},
           {"cross-entropy", RetentionLoss::kCrossEntropy},
           {"both", RetentionLoss::kBoth}},
          "Terms on the text. `kl`: the divergence from the base; `cross-entropy`: the text is "
          "learned along with the training data (replay)."),
      choice_field<RetentionOn>(
          "retention.on", run.retention.on,
          {{"text", RetentionOn::kText},
           {"data", RetentionOn::kData},
           {"both", RetentionOn::kBoth}},
          "Where to stay close to the base: on `retention.text`, or on the targets of the step's "
          "own data, by their divergence from the base."),
      sources_field("retention.text", run.retention.text, SourceUse::kRetention,
                    "Text on which to stay close to the base: a file, or `self` for text that the "
                    "base generates from its beginning-of-text token or from `prompts`. Or a list "
                    "of these; their weights are their shares of a step's sequences."),
      path_field("retention.prompts", run.retention.prompts,
                 "Prompts that the base continues for `self`: JSON lines with `prompt`, or with "
                 "`messages` that it answers."),
      integer_field("retention.samples", run.retention.samples, from_to<std::int64_t>(1, 1 << 20),
                    "Number of texts that the base generates for `self`."),
      integer_field("retention.sample_length", run.retention.sample_length,
                    from_to<std::int64_t>(2, 4096),
                    "Maximum tokens per generated text, its prompt included."),
      integer_field("retention.batch_size", run.retention.batch_size,
                    from_to<std::int64_t>(1, kMost), "Retention sequences per step."),
      names_field("evaluation.original_tasks", evaluation.original_tasks,
                  "Tasks that the base can do and the tuned model has to keep: names of built-in "
                  "tasks, or paths of task files."),
      names_field("evaluation.tasks", evaluation.tasks,
                  "Tasks to improve on, given in the same way."),
      folders_field("evaluation.task_data", evaluation.task_data,
                    "Folders to search for task data, before those of $EXPANDFT_TASK_DATA."),
      budgets_field("evaluation.max_drop", evaluation.max_drop,
                    "How much worse an original task may get before `eval` exits with code 3."),
      integer_field("evaluation.every", evaluation.every, from_to<std::int64_t>(0, kMost),
                    "Steps between evaluations of all tasks during training; 0: only before the "
                    "first step and at the end."),
      numbers_field("evaluation.strengths", evaluation.strengths, from_to<double>(0, 1),
                    "More strengths at which to measure the tasks after training.")
          .allowing("a list of numbers from 0 to 1"),
      texts_field("evaluation.prompts", evaluation.prompts,
                  "Prompts that both the base and the tuned model continue after training; "
                  "questions to the chat template if data.train has conversations. Without any: up "
                  "to 3 from the validation data, or else from the training data."),
  };
  table.rules = {needed_layers_rule(), accumulation_rule()};
  return table;
}

/// A text without quotes where that cannot mislead.
std::string plain_text(const Json& value) {
  const std::string quoted = value.dump();
  if (!value.is_string()) return quoted;
  const std::string text = value;
  const bool plain = quoted.size() == text.size() + 2 && !text.empty() && text.front() != ' ' &&
                     text.back() != ' ';
  return plain ? text : quoted;
}

/// Other tools' configs are YAML, and people bring them along.
Json read_document(const fs::path& file) {
  try {
    return read_json(file);
  } catch (const Error& error) {
    const std::string ending = file.extension().string();
    if (ending != ".yaml" && ending != ".yml" && ending != ".toml") throw;
    throw input_error(error.message(), error.where(),
                      "a run config is a JSON file; errors name the keys that correspond to those "
                      "of other tools");
  }
}

}  // namespace

std::int64_t sequences_at_once(const TrainingConfig& training, std::int64_t ranks) {
  constexpr std::int64_t kDefault = 8;
  if (!training.gradient_accumulation_steps) {
    return training.micro_batch_size.value_or(training.micro_batch_fits_memory ? 1 : kDefault);
  }
  const auto divided = [](std::int64_t all, std::int64_t parts) {
    return (all + parts - 1) / parts;
  };
  return divided(divided(training.batch_size.value_or(1), ranks),
                 *training.gradient_accumulation_steps);
}

bool RetentionConfig::samples_text() const {
  return uses_text() && std::ranges::any_of(text, &DataSource::is_self);
}

ResolvedConfig load_run_config(const fs::path& file, const std::vector<std::string>& overrides) {
  ResolvedConfig out;
  out.run.file = resolve_path(file.string(), working_folder());
  FieldValues values =
      read_fields(run_config_fields(out.run), read_document(file), file, overrides);
  out.run.model_directory = out.run.model;
  out.resolved = std::move(values.resolved);
  out.value_sources = std::move(values.value_sources);
  return out;
}

std::string describe_values(const ResolvedConfig& config) {
  struct Line {
    std::string path, value;
    ValueSource origin;
  };
  std::vector<Line> lines;
  std::size_t path_width = 0, value_width = 0;
  for (const auto& [path, origin] : config.value_sources) {
    const Json* value = &config.resolved;
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t dot = std::min(path.find('.', begin), path.size());
      value = &value->at(path.substr(begin, dot - begin));
      begin = dot + 1;
    }
    lines.push_back({path, plain_text(*value), origin});
    path_width = std::max(path_width, path.size());
    // A few long values (paths) must not push all value_sources off the screen.
    if (lines.back().value.size() <= 40)
      value_width = std::max(value_width, lines.back().value.size());
  }
  std::string out;
  for (Line& line : lines) {
    line.path.resize(path_width, ' ');
    if (line.value.size() < value_width) line.value.resize(value_width, ' ');
    const char* const origin = line.origin == ValueSource::kDefault     ? "default"
                               : line.origin == ValueSource::kConfig    ? "config"
                               : line.origin == ValueSource::kAutomatic ? "auto"
                                                                        : "command line";
    out += line.path + "  " + line.value + "  (" + origin + ")\n";
  }
  return out;
}

Json run_config_schema() {
  RunConfig run;
  return fields_schema(run_config_fields(run));
}

std::string run_config_reference() {
  RunConfig run;
  return fields_reference(run_config_fields(run));
}

}  // namespace expandft
