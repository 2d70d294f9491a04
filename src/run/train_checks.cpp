#include "run/train_checks.h"

#include "base/error.h"
#include "config/budget_check.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "data/shared_data.h"
#include "families/model_config.h"
#include "run/open_model.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {

bool chooses_layers(const RunConfig& run, const DecoderSpec& spec) {
  return run.method.expands() && run.expansion.layers.automatic(spec.layers).has_value();
}

namespace {

void check_length(const RunConfig& run, const DecoderSpec& spec) {
  if (run.data.max_length <= spec.max_positions) return;
  throw input_error(fmt::format("data.max_length is {}; the model has {} positions",
                                run.data.max_length, spec.max_positions),
                    "data.max_length", fmt::format("lower it to {} or less", spec.max_positions));
}

/// The layers, and the layout of what is made of them.
void check_layers(const RunConfig& run, const DecoderSpec& spec) {
  if (run.method.kind == Method::kLast && run.method.last_layers > spec.layers) {
    throw input_error(fmt::format("\"last:{}\" asks for more layers than the {} that the model has",
                                  run.method.last_layers, spec.layers),
                      "train");
  }
  if (!run.method.expands()) return;
  const std::optional<std::int64_t> automatic = run.expansion.layers.automatic(spec.layers);
  if (!automatic) run.expansion.layers.resolve(spec.layers);
  if (!automatic || !run.method.widens()) return;
  RunConfig some = run;  // whichever are chosen, they are so many
  some.expansion.layers = LayerSelection::parse(fmt::format("last:{}", *automatic), "layers");
  folding_of(some, spec);
}

void check_shares(const RunConfig& run, const DecoderSpec& spec) {
  if (!run.training.shard_base) return;
  const bool keeps_layers = run.method.kind == Method::kNew || run.method.kind == Method::kZeroInit;
  if (!keeps_layers) {
    throw input_error("training.shard_base is true, and method is \"" + method_text(run.method) +
                          "\": the base's layers lie in shares only where nothing but new MLPs is "
                          "made of them",
                      run.file.string(),
                      "set train to new or zero-init, or training.shard_base to false");
  }
  if (chooses_layers(run, spec)) {
    throw input_error(
        "training.shard_base is true, and expansion.layers ranks the layers, which takes a whole "
        "model",
        run.file.string(),
        "list the layers: expandft inspect --rank-layers --config shows the ranking");
  }
}

/// LoRA's targets are matrices of each layer; by the checkpoint's names, fused ones too.
void check_targets_of(const RunConfig& run, const ModelDirectory& base, const DecoderSpec& spec) {
  if (run.method.kind != Method::kLora) return;
  const std::string layer = spec.names.layer(0, "");
  constexpr std::string_view kEnd = ".weight";
  std::set<std::string> known;
  std::string list;
  for (const auto& [name, view] : base.tensors()) {
    if (!name.starts_with(layer) || !name.ends_with(kEnd) || view.shape.size() != 2) continue;
    const std::string module = name.substr(0, name.size() - kEnd.size());
    known.insert(module.substr(module.rfind('.') + 1));
  }
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  for (const std::string& target : run.lora.targets) {
    if (target == "all" || known.contains(target)) continue;
    throw input_error("this model has no projection \"" + target + "\"", "lora.targets",
                      "it has " + list);
  }
}

bool is_given(const ResolvedConfig& config, const std::string& key) {
  return std::ranges::any_of(config.value_sources, [&](const auto& one) {
    return one.first == key && one.second != ValueSource::kDefault;
  });
}

/// The files that the run's tasks are measured on.
std::vector<MeasuredFile> task_files(const RunConfig& run, const std::vector<std::string>& names) {
  std::vector<MeasuredFile> files;
  for (const TaskConfig& task :
       find_tasks(names, run.file.parent_path(), run.evaluation.task_data)) {
    files.push_back({task.data, "the task " + task.name});
  }
  return files;
}

}  // namespace

Folding folding_of(const RunConfig& run, const DecoderSpec& spec) {
  const ExpansionPlan plan =
      make_plan(run.expansion.layers, run.expansion.copies, spec, run.method.kind);
  return {plan, resolve_layout(run.layout, plan, spec), run.strength, spec.layers};
}

std::optional<TrainBase> open_train_base(const RunConfig& run, Problems& problems) {
  std::optional<TrainBase> base;
  problems.check([&] {
    ModelDirectory directory = ModelDirectory::open(run.model);
    const DecoderSpec spec = read_spec(directory);
    base = TrainBase{std::move(directory), spec, std::nullopt, nullptr, notices_of(spec)};
  });
  if (!base) return base;
  const DecoderSpec& spec = base->spec;
  problems.check([&] { check_length(run, spec); });
  problems.check([&] {
    check_layers(run, spec);
    if (run.method.widens() && !chooses_layers(run, spec)) base->folding = folding_of(run, spec);
  });
  problems.check([&] { check_shares(run, spec); });
  problems.check([&] { check_targets_of(run, base->directory, spec); });
  problems.check([&] {
    auto tokenizer = Tokenizer::load(base->directory.path());
    check_vocabulary(*tokenizer, spec.vocab, base->directory.path().string());
    base->notices = joined(std::move(base->notices), tokenizer->notices());
    base->tokenizer = std::move(tokenizer);
    if (run.retention.weight > 0 && !run.retention.text) begin_token(*base->tokenizer);
  });
  return base;
}

TokenId begin_token(const Tokenizer& tokenizer) {
  if (const auto bos = tokenizer.bos()) return *bos;
  if (const auto eos = tokenizer.eos()) return *eos;
  throw input_error("the tokenizer has neither BOS nor EOS to begin a text with", "retention.text",
                    "give a text that the base is good at");
}

DatasetOptions retention_options(const RunConfig& run) {
  return {.path = *run.retention.text, .max_length = run.data.max_length, .train_on_prompt = true};
}

Notices config_notices(const RunConfig& run) {
  std::vector<TaskConfig> originals;
  for (const std::string& name : run.evaluation.original_tasks) {
    try {
      originals.push_back(find_task(name, run.file.parent_path(), run.evaluation.task_data));
    } catch (const Error&) {
      // check_run_inputs says it.
    }
  }
  Notices notices = budget_notices(run.evaluation.max_drop, originals, "evaluation.max_drop");
  if (run.method.widens() && run.expansion.copies > 2 && run.expansion.noise == 0) {
    notices.push_back(
        {.what = fmt::format("expansion.copies is {} and expansion.noise 0: copies of one layer "
                             "start equal and get equal gradients, so more than 2 train no better "
                             "than 2",
                             run.expansion.copies),
         .where = "expansion.noise",
         .hint = "leave expansion.noise out"});
  }
  return notices;
}

Notices data_notices(const RunConfig& run, const TrainData& data) {
  Notices notices = data.training.notices;
  const auto add = [&](const Notices& more) { notices = joined(std::move(notices), more); };
  if (data.validation) {
    add(data.validation->notices);
    add(shared_examples(data.training, *data.validation));
  }
  std::vector<fs::path> training_files;
  for (const SourceReport& source : data.training.sources) {
    training_files.insert(training_files.end(), source.file_paths.begin(), source.file_paths.end());
  }
  add(shared_files(training_files, "data.train", task_files(run, run.evaluation.original_tasks)));
  add(shared_files(training_files, "data.train", task_files(run, run.evaluation.tasks)));
  if (data.retention) {
    add(data.retention->notices);
    add(shared_files({*run.retention.text}, "retention.text",
                     task_files(run, run.evaluation.original_tasks)));
  }
  return notices;
}

Notices batch_notices(const ResolvedConfig& config, const EpochStatistics& epoch) {
  const TrainingConfig& training = config.run.training;
  const auto tell = [](const std::string& key, std::int64_t batch, std::int64_t epoch_holds,
                       const std::string& unit) {
    return Notice{.what = fmt::format("a step of {} {} takes more than an epoch has: {}", batch,
                                      unit, epoch_holds),
                  .where = key,
                  .hint = "lower it: every step sees the same rows, and there are few steps"};
  };
  if (training.batch_size && *training.batch_size > epoch.packs &&
      is_given(config, "training.batch_size")) {
    return {tell("training.batch_size", *training.batch_size, epoch.packs, "sequences")};
  }
  if (training.batch_tokens && *training.batch_tokens > epoch.tokens &&
      is_given(config, "training.batch_tokens")) {
    return {tell("training.batch_tokens", *training.batch_tokens, epoch.tokens, "tokens")};
  }
  return {};
}

Notices notices_of(const DecoderSpec& spec) {
  return joined(spec.notices, spec.training_notices);
}

}  // namespace expandft
