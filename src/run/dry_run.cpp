#include "run/dry_run.h"

#include "base/error.h"
#include "base/wording.h"
#include "families/model_config.h"
#include "report/data_report.h"
#include "report/human.h"
#include "report/table.h"
#include "run/open_model.h"
#include "runtime/device.h"
#include "runtime/process.h"
#include "training/lr_scheduler.h"
#include "training/prefix_cache.h"
#include "training/retention.h"
#include "training/train_step.h"

#include <chrono>
#include <optional>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::int64_t element_bytes(at::ScalarType dtype) {
  return static_cast<std::int64_t>(at::elementSize(dtype));
}

std::string memory_table(const TrainingConfig& training, const DryRun& numbers) {
  Table table({"memory", "bytes"}, {Table::Align::kLeft, Table::Align::kRight});
  for (const MemoryItem& item : numbers.memory) {
    table.row({std::string(item.what), human_bytes(item.bytes)});
  }
  if (numbers.cached_state_bytes > 0) {
    const bool on_disk = training.cache_prefix == CachePrefix::kDisk;
    table.row(
        {on_disk ? "states of the frozen layers (on the disk)" : "states of the frozen layers",
         human_bytes(static_cast<double>(numbers.cached_state_bytes))});
  }
  return table.text();
}

/// A line each, and an empty one behind them.
std::string notices_text(const Notices& notices) {
  std::string text;
  for (const std::string& one : notice_texts(notices)) text += "warning: " + one + "\n";
  return text.empty() ? text : text + "\n";
}

}  // namespace

DryRun dry_run(const PreparedRun& run, const RankGroup& group) {
  const RunConfig& config = run.config.run;
  const TrainingConfig& training = config.training;
  const Decoder& decoder = run.model.decoder;
  const Adaptation& adaptation = run.model.adaptation();
  const StreamShare share{group.rank(), group.count()};
  BatchStream stream(run.data.epochs, training, share);
  DryRun out{.plan = run.plan(),
             .merged_size = merged_size(config, run.base, run.model),
             .total_steps = stream.total_steps(),
             .memory = state_memory(run.base.spec, count_trained_parameters(adaptation),
                                    {.ranks = group.count(),
                                     .shard_base = training.shard_base,
                                     .element_bytes = element_bytes(decoder.dtype()),
                                     .has_average = training.ema.has_value()})};
  out.warmup_steps = warmup_steps(training, out.total_steps);
  AdamW optimizer(adaptation.parameters(), training, group, decoder.dtype());
  std::optional<Retention> retention;
  if (run.data.retention) {
    retention.emplace(config.retention, *run.data.retention, training.seed,
                      run.model.method.frozen_layers, share);
  }
  out.cached_state_bytes = plan_prefix_caches(config, decoder, run.model.method.frozen_layers,
                                              run.data.epochs, retention ? &*retention : nullptr)
                               .bytes();
  const std::optional<LossScale> scale = loss_scale_for(decoder.dtype());
  for (int i = 0; i < 2; ++i) {
    const StepBatch batch = stream.next();
    if (batch.tokens == 0) break;
    const auto start = std::chrono::steady_clock::now();
    StepOptions options{.learning_rate = learning_rate_at(training, i, out.total_steps),
                        .max_grad_norm = training.max_grad_norm,
                        .loss = loss_options(config, adaptation, run.model.method.frozen_layers)};
    if (retention) options.further = retention->term(decoder, adaptation, 0);
    if (scale) options.loss_scale = scale->at(i);
    const QueuedStep step = queue_step(decoder, optimizer, batch, options);
    results_of({&step, 1});  // waits for it
    out.step_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    out.step_tokens = batch.tokens;
  }
  out.peak_memory_bytes = peak_memory_bytes(decoder.device());
  return out;
}

std::string dry_run_text(const PreparedRun& run, const DryRun& numbers) {
  const TrainingConfig& training = run.config.run.training;
  const auto tokens = static_cast<double>(numbers.step_tokens);
  Summary summary;
  summary.line("plan", numbers.plan);
  for (const AutomaticChoice& choice : run.choices) summary.line(choice.name, choice.text);
  summary.line("merged model", numbers.merged_size);
  summary.line("an epoch", describe(run.data.first_epoch));
  summary.line("steps",
               fmt::format("{}, {} of them warm-up", numbers.total_steps, numbers.warmup_steps));
  summary.line(
      "speed",
      fmt::format("{} tokens/s: {} a step of {}, about {} in all",
                  human_count(tokens / numbers.step_seconds), human_duration(numbers.step_seconds),
                  counted(numbers.step_tokens, "token"),
                  human_duration(numbers.step_seconds * static_cast<double>(numbers.total_steps))));
  auto peak = static_cast<double>(numbers.peak_memory_bytes);
  const bool fills =
      training.cache_prefix == CachePrefix::kMemory && numbers.cached_state_bytes > 0;
  if (fills) peak += static_cast<double>(numbers.cached_state_bytes);
  summary.line("peak memory",
               human_bytes(peak) + " after two steps, " +
                   (run.model.decoder.device().is_cpu() ? "the program included" : "on the GPU") +
                   (fills ? ", and the states of the frozen layers after an epoch" : ""));
  summary.line("written", "nothing: this was a dry run");
  return describe_values(run.config) + "\n" + data_table(*run.data.training) + "\n" +
         memory_table(training, numbers) + "\n" + notices_text(run.notices) + summary.text();
}

MemoryPlan plan_memory(RunConfig run, int ranks) {
  import_base(run);
  const fs::path file = run.model_directory / "config.json";
  const DecoderSpec spec = read_spec(read_json(file), file.string());
  if (!run.method.widens() || run.expansion.layers.automatic(spec.layers)) {
    throw input_error(
        "the memory is known beforehand only for listed layers, and for the methods new, zero-init "
        "and mlp",
        run.file.string(), "expandft train --dry-run measures it");
  }
  MemoryPlan out{
      .expansion = make_plan(run.expansion.layers, run.expansion.copies, spec, run.method.kind),
      .spec = spec,
      .dtype = compute_dtype(run.training.precision, at::kCUDA),
      .micro_batch_tokens = sequences_at_once(run.training, ranks) * run.data.max_length,
      .notices = spec.notices};
  const MemoryLayout layout{.ranks = ranks,
                            .shard_base = run.training.shard_base,
                            .element_bytes = element_bytes(out.dtype),
                            .checkpointing = run.training.gradient_checkpointing,
                            .tokens = out.micro_batch_tokens,
                            .has_average = run.training.ema.has_value()};
  out.state = state_memory(spec, count_trained_parameters(out.expansion, spec), layout);
  out.activations = activation_bytes(spec, out.expansion, layout);
  return out;
}

}  // namespace expandft
