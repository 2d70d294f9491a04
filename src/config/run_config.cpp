#include "config/run_config.h"

#include "base/error.h"
#include "base/numbers.h"
#include "config/budget_words.h"
#include "config/fields.h"
#include "config/hub_cache.h"
#include "config/json_check.h"
#include "config/method_fields.h"
#include "config/source_field.h"
#include "config/task_config.h"

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
      .allowing("a list of names and paths of tasks");
}

Field texts_field(std::string path, std::vector<std::string>& member, std::string doc) {
  const Json item = {{"type", "string"}, {"minLength", 1}};
  return make_field(
             std::move(path), {{"type", "array"}, {"items", item}}, std::move(doc),
             [&member](const Json& value, const fs::path&) {
               member = value.get<std::vector<std::string>>();
             },
             [&member] { return Json(member); })
      .allowing("a list of texts");
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

Field drop_field(std::string path, DropBudgets& member, std::string doc) {
  const Json one = {
      {"anyOf", Json::array({{{"type", "number"}, {"minimum", 0}},
                             {{"type", "string"}, {"pattern", R"(^[0-9]+(\.[0-9]+)?%$)"}}})}};
  Json schema = one;
  schema["anyOf"].push_back({{"type", "object"}, {"additionalProperties", one}});
  const char* const words =
      R"("1%" (of the base's value), a number from 0 (in the metric's unit), an object of these )"
      R"(with the keys "each", "mean" (a percentage) and names of tasks,)";
  Field field = make_nullable(make_field(
                                  path, schema, std::move(doc),
                                  [&member](const Json& value, const fs::path&) {
                                    member = budgets_of(value).value_or(DropBudgets());
                                  },
                                  [&member] { return budgets_json(member); }))
                    .allowing(words);
  field.check = [path, schema = field.schema, allowed = field.allowed](const Json& value,
                                                                       const fs::path&) {
    std::vector<FieldProblem> problems;
    if (!matches(schema, value) || !budgets_of(value)) {
      const std::string hint = budget_hint(value);
      problems.push_back({path, "found " + shown(value) + "; allowed: " + allowed +
                                    (hint.empty() ? "" : "; " + hint)});
    }
    return problems;
  };
  return field;
}

Field strength_field(std::string path, Strength& member, std::string doc) {
  const char* const words = R"(a number from 0 to 1, or "a:b" of two such numbers)";
  const Json number = {{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
  const Json line = {{"type", "string"}, {"pattern", R"(^[0-9.]+:[0-9.]+$)"}};
  return make_field(
             std::move(path), {{"anyOf", Json::array({number, line})}}, std::move(doc),
             [&member, words](const Json& value, const fs::path&) {
               const auto strength = strength_of(value);
               if (!strength) {
                 throw input_error("found " + value.dump() + "; allowed: " + words);
               }
               member = *strength;
             },
             [&member] { return strength_json(member); })
      .allowing(words);
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

/// "self", or a path.
Field retention_text_field(std::string path, std::optional<fs::path>& member, std::string doc) {
  return make_field(
             std::move(path), path_schema(), std::move(doc),
             [&member](const Json& value, const fs::path& folder) {
               const std::string text = value;
               member = text == "self" ? std::nullopt : std::optional(resolve_path(text, folder));
             },
             [&member]() -> Json { return member ? member->string() : "self"; })
      .allowing("\"self\" or the path of a text");
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
      .allowing("a path, or the name of a model in the Hugging Face cache");
}

/// The one table of keys: their order, meaning, range and member. Defaults are the members'.
FieldTable run_config_fields(RunConfig& run) {
  DataConfig& data = run.data;
  TrainingConfig& training = run.training;
  EvaluationConfig& evaluation = run.evaluation;
  FieldTable table;
  table.title = "expandft run config";
  table.hint = "docs/configuration.md describes every key; \"expandft schema\" prints them";
  table.foreign = foreign_run_keys();
  table.groups = {
      {"expansion", "Where the model grows, and by how much."},
      {"lora", "Settings of `\"method\": \"lora\"`."},
      {"data", "What it learns from."},
      {"data.template",
       "How a JSON line becomes text. `{field}` stands for the line's field, `{{` and `}}` for "
       "braces. Without it, lines have `prompt` and `completion`, `instruction`, `input` and "
       "`output`, `messages`, or `text`.",
       true},
      {"training", "How it learns."},
      {"retention",
       "Holds the tuned model to its base on text of the base's own kind, by the divergence of "
       "their predictions. No second model is needed: the base lives inside."},
      {"evaluation", "What is measured before and after."},
  };
  table.exclusive = {{"training.epochs", "training.max_steps"},
                     {"training.batch_size", "training.batch_tokens"},
                     {"training.micro_batch_size", "training.gradient_accumulation_steps"}};
  table.fields = {
      model_field(
          "model", run.model,
          "Folder of the base checkpoint, or its name on the Hugging Face hub where it is in "
          "that one's cache: `org/name` or `org/name@revision`. It is never changed.")
          .required(),
      path_field("output", run.output, "Folder that the run writes.").required(),
      choice_field<Layout>(
          "layout", run.layout, {std::begin(kLayoutNames), std::end(kLayoutNames)},
          "How the merged model is laid out, which decides where it loads: docs/formats.md."),
      strength_field("strength", run.strength,
                     "How much of what was learned the merged model holds: 0 is the base. `a:b` is "
                     "a line over depth, from `a` in the first layer to `b` in the last."),
      sources_field("data.train", data.train, SourceUse::kTraining,
                    "Text files (`.txt`) or JSON lines (`.jsonl`): a file, a folder, a glob, or a "
                    "list of those, each with a weight and a template of its own if need be.")
          .required(),
      sources_field("data.validation", data.validation, SourceUse::kValidation,
                    "Held-out data, named likewise, without weights."),
      text_field("data.template.prompt", data.text_template, &TemplateConfig::prompt,
                 "Text that is given.")
          .required(),
      text_field("data.template.completion", data.text_template, &TemplateConfig::completion,
                 "Text that is learned.")
          .required(),
      integer_field("data.max_length", data.max_length, from_to<std::int64_t>(2, kMostTokens),
                    "Tokens a sequence holds at most."),
      flag_field("data.packing", data.packing,
                 "Put several examples in one sequence; they do not see each other."),
      flag_field("data.train_on_prompt", data.train_on_prompt, "Let prompt tokens carry loss too."),
      choice_field<std::string>(
          "data.chat_format", data.chat_format,
          {{"auto", "auto"},
           {"gemma", "gemma"},
           {"llama2", "llama2"},
           {"llama3", "llama3"},
           {"llama3.1", "llama3.1"},
           {"mistral", "mistral"},
           {"mistral-v3", "mistral-v3"},
           {"mistral-nemo", "mistral-nemo"},
           {"chatml", "chatml"},
           {"qwen3", "qwen3"},
           {"zephyr", "zephyr"},
           {"phi3", "phi3"}},
          "How lines with `messages` are written; `auto` tells it from the model's chat template."),
      integer_field("training.epochs", training.epochs, from_to<std::int64_t>(1, kMost),
                    "Passes over the training data. Not together with `max_steps`.")
          .defaults_to(1),
      integer_field("training.max_steps", training.max_steps, from_to<std::int64_t>(1, kMost),
                    "Steps to train. Not together with `epochs`."),
      integer_field("training.batch_size", training.batch_size, from_to<std::int64_t>(1, kMost),
                    "Sequences a step. Not together with `batch_tokens`."),
      integer_field("training.batch_tokens", training.batch_tokens, from_to<std::int64_t>(1, kMost),
                    "Tokens a step. Not together with `batch_size`.")
          .defaults_to(16384),
      integer_field("training.micro_batch_size", training.micro_batch_size,
                    from_to<std::int64_t>(1, kMost),
                    "Sequences that each rank computes at once; gradients accumulate until the "
                    "step is complete. Not together with `gradient_accumulation_steps`.")
          .defaults_to(8),
      accumulation_field(
          "training.gradient_accumulation_steps", training,
          "Micro-batches of a step on each rank: `micro_batch_size` becomes `batch_size` / "
          "(this number × ranks), rounded up. Needs `batch_size`, and must divide it. Not together "
          "with `micro_batch_size`."),
      number_field("training.learning_rate", training.learning_rate, above_to(0, 1),
                   "Highest learning rate of AdamW."),
      choice_field<LrScheduler>("training.lr_scheduler", training.lr_scheduler,
                                {{"constant", LrScheduler::kConstant},
                                 {"linear", LrScheduler::kLinear},
                                 {"cosine", LrScheduler::kCosine}},
                                "Course of the learning rate after warmup."),
      warmup_field("training.warmup", training.warmup,
                   "Linear rise of the learning rate at the start: below 1 a share of all steps, "
                   "else steps."),
      number_field("training.min_lr_ratio", training.min_lr_ratio, from_to(0, 1),
                   "Share of `learning_rate` left at the end of `linear` and `cosine`."),
      number_field("training.original_learning_rate_scale", training.original_learning_rate_scale,
                   from_to(0, 1),
                   "With `\"method\": \"mlp\"`: the originals' learning rate, as a share of the "
                   "copies'."),
      number_field("training.weight_decay", training.weight_decay, from_to(0, 10),
                   "Decoupled weight decay of AdamW."),
      number_field("training.beta1", training.beta1, from_below(0, 1),
                   "AdamW's decay of the mean gradient."),
      number_field("training.beta2", training.beta2, from_below(0, 1),
                   "AdamW's decay of the mean squared gradient."),
      number_field("training.epsilon", training.epsilon, above_to(0, 1),
                   "What AdamW adds to the denominator."),
      number_field("training.max_grad_norm", training.max_grad_norm, from(0),
                   "Largest norm of the gradient; 0 turns clipping off."),
      choice_field<Precision>("training.precision", training.precision,
                              {{"auto", Precision::kAuto},
                               {"float32", Precision::kFloat32},
                               {"bfloat16", Precision::kBFloat16},
                               {"float16", Precision::kFloat16}},
                              "What is computed in; `auto` chooses by device."),
      choice_field<CachePrefix>(
          "training.cache_prefix", training.cache_prefix,
          {{"none", CachePrefix::kNone},
           {"memory", CachePrefix::kMemory},
           {"disk", CachePrefix::kDisk}},
          "Where the hidden states that enter the lowest trained layer are kept, so that the "
          "frozen layers below are computed in the first epoch alone: docs/method.md#the-frozen-"
          "layers."),
      size_field(
          "training.cache_prefix_limit", training.cache_prefix_limit,
          "Most bytes that it takes; what does not fit is computed each time. Not given: 4 GB "
          "in memory, 32 GB on the disk."),
      flag_field("training.gradient_checkpointing", training.gradient_checkpointing,
                 "Keep only each layer's input for the backward pass, and compute the layer again "
                 "there: less memory for one more forward pass of it, and the same weights."),
      flag_field(
          "training.shard_base", training.shard_base,
          "With several ranks each keeps a share of the frozen layers, and they are gathered "
          "one by one: less memory for more communication. With `method` `new` and `zero-init`."),
      integer_field("training.seed", training.seed, from_to<std::int64_t>(0, kMostExactInJson),
                    "Start of the random numbers: same seed, same machine, same weights."),
      integer_field(
          "training.checkpoint_every", training.checkpoint_every, from_to<std::int64_t>(0, kMost),
          "Steps between checkpoints; 0: only at the end of training, or when a signal ends it."),
      integer_field("training.keep_checkpoints", training.keep_checkpoints,
                    from_to<std::int64_t>(1, kMost),
                    "Checkpoints kept, the newest ones; the best one is kept besides."),
      choice_field<OutputCheckpoint>(
          "training.output_checkpoint", training.output_checkpoint,
          {{"best", OutputCheckpoint::kBest}, {"last", OutputCheckpoint::kLast}},
          "Which weights go to adapter and merged model: those of the lowest validation loss "
          "after step 0, or the last."),
      integer_field("training.validate_every", training.validate_every,
                    from_to<std::int64_t>(0, kMost),
                    "Steps between validations; 0: before the first step and at the end."),
      integer_field("training.early_stopping_patience", training.early_stopping_patience,
                    from_to<std::int64_t>(0, kMost),
                    "Validations without a lower loss after which training ends early; 0: never."),
      integer_field("training.log_every", training.log_every, from_to<std::int64_t>(1, kMost),
                    "Steps between lines of metrics.jsonl."),
      number_field("retention.weight", run.retention.weight, from_to(0, 1000),
                   "Weight of the mean divergence KL(base ‖ tuned) a token in the loss; 0: none."),
      retention_text_field("retention.text", run.retention.text,
                           "Text to be held on: one file, or `self`, what the base "
                           "writes itself from its beginning-of-text token."),
      integer_field("retention.samples", run.retention.samples, from_to<std::int64_t>(1, 1 << 20),
                    "Texts that the base writes for `self`."),
      integer_field("retention.sample_length", run.retention.sample_length,
                    from_to<std::int64_t>(2, 4096), "Most tokens of each."),
      integer_field("retention.batch_size", run.retention.batch_size,
                    from_to<std::int64_t>(1, kMost), "Sequences of it in each step."),
      names_field("evaluation.original_tasks", evaluation.original_tasks,
                  "Tasks that the base can do and the tuned model has to keep: names of built-in "
                  "tasks, or paths of task files."),
      names_field("evaluation.tasks", evaluation.tasks, "Tasks to get better at, named likewise."),
      folders_field("evaluation.task_data", evaluation.task_data,
                    "Folders where tasks find their data, before those of $EXPANDFT_TASK_DATA."),
      drop_field("evaluation.max_drop", evaluation.max_drop,
                 "How much worse an original task may get before eval ends with exit code 3."),
      integer_field("evaluation.every", evaluation.every, from_to<std::int64_t>(0, kMost),
                    "Steps between evaluations of all tasks while training; 0: before the first "
                    "step and at the end."),
      numbers_field("evaluation.strengths", evaluation.strengths, from_to<double>(0, 1),
                    "Further strengths at which the tasks are measured after training.")
          .allowing("a list of numbers from 0 to 1"),
      texts_field(
          "evaluation.prompts", evaluation.prompts,
          "Prompts that base and tuned model both continue after training; where data.train "
          "has conversations, questions in their chat format. None: up to 3 from the "
          "validation data, or else from the training data."),
  };
  table.rules = {needed_layers_rule(), accumulation_rule()};
  const std::vector<Field> method = method_fields(run);
  table.fields.insert(table.fields.begin() + 2, method.begin(), method.end());
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
                      "a run config is a JSON file; where other tools' keys have other names here, "
                      "the errors say which");
  }
}

}  // namespace

std::int64_t sequences_at_once(const TrainingConfig& training, std::int64_t ranks) {
  constexpr std::int64_t kDefault = 8;
  if (!training.gradient_accumulation_steps) return training.micro_batch_size.value_or(kDefault);
  const auto divided = [](std::int64_t all, std::int64_t parts) {
    return (all + parts - 1) / parts;
  };
  return divided(divided(training.batch_size.value_or(1), ranks),
                 *training.gradient_accumulation_steps);
}

ResolvedConfig load_run_config(const fs::path& file, const std::vector<std::string>& overrides) {
  ResolvedConfig out;
  out.run.file = resolve_path(file.string(), working_folder());
  FieldValues values =
      read_fields(run_config_fields(out.run), read_document(file), file, overrides);
  out.resolved = std::move(values.resolved);
  out.origins = std::move(values.origins);
  return out;
}

std::string describe_origins(const ResolvedConfig& config) {
  struct Line {
    std::string path, value;
    Origin origin;
  };
  std::vector<Line> lines;
  std::size_t path_width = 0, value_width = 0;
  for (const auto& [path, origin] : config.origins) {
    const Json* value = &config.resolved;
    for (std::size_t begin = 0; begin <= path.size();) {
      const std::size_t dot = std::min(path.find('.', begin), path.size());
      value = &value->at(path.substr(begin, dot - begin));
      begin = dot + 1;
    }
    lines.push_back({path, plain_text(*value), origin});
    path_width = std::max(path_width, path.size());
    // A few long values (paths) must not push all origins off the screen.
    if (lines.back().value.size() <= 40)
      value_width = std::max(value_width, lines.back().value.size());
  }
  std::string out;
  for (Line& line : lines) {
    line.path.resize(path_width, ' ');
    if (line.value.size() < value_width) line.value.resize(value_width, ' ');
    const char* const origin = line.origin == Origin::kDefault  ? "default"
                               : line.origin == Origin::kConfig ? "config"
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
