#include "base/wording.h"
#include "report/data_report.h"
#include "report/human.h"
#include "report/summary.h"
#include "report/table.h"
#include "run/train_setup.h"
#include "runtime/process.h"
#include "training/lr_scheduler.h"
#include "training/memory_estimate.h"
#include "training/prefix_cache.h"
#include "training/retention.h"
#include "training/train_step.h"

#include <chrono>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::string memory_table(const TrainSetup& setup, std::uint64_t cached_states) {
  Table table({"memory", "bytes"}, {Table::Align::kLeft, Table::Align::kRight});
  const auto line = [&](const std::string& what, double bytes) {
    table.row({what, human_bytes(bytes)});
  };
  const std::vector<MemoryItem> state = state_memory(
      setup.spec, count_trained_parameters(setup.adaptation()),
      {.ranks = setup.group.count(),
       .shard_base = setup.run().training.shard_base,
       .element_bytes = static_cast<std::int64_t>(at::elementSize(setup.decoder.dtype()))});
  for (const MemoryItem& item : state) line(std::string(item.what), item.bytes);
  if (cached_states > 0) {
    const bool on_disk = setup.run().training.cache_prefix == CachePrefix::kDisk;
    line(on_disk ? "states of the frozen layers (on the disk)" : "states of the frozen layers",
         static_cast<double>(cached_states));
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

std::string dry_run_report(TrainSetup& setup) {
  const TrainingConfig& training = setup.run().training;
  const StreamShare share{setup.group.rank(), setup.group.count()};
  BatchStream stream(setup.epochs, training, share);
  const std::int64_t total = stream.total_steps();
  AdamW optimizer(setup.adaptation().parameters(), training, setup.group, setup.decoder.dtype());
  double seconds = 0;
  std::int64_t tokens = 0;
  std::optional<Retention> retention;
  if (setup.retention_data) {
    retention.emplace(setup.run().retention, *setup.retention_data, training.seed,
                      setup.method.frozen_layers, share);
  }
  const std::uint64_t cached_states =
      plan_prefix_caches(setup.run(), setup.decoder, setup.method.frozen_layers, setup.epochs,
                         retention ? &*retention : nullptr)
          .bytes();
  const std::optional<LossScale> scale = loss_scale_for(setup.decoder.dtype());
  for (int i = 0; i < 2; ++i) {
    const StepBatch batch = stream.next();
    if (batch.tokens == 0) break;
    const auto start = std::chrono::steady_clock::now();
    StepOptions options{.learning_rate = learning_rate_at(training, i, total),
                        .max_grad_norm = training.max_grad_norm};
    if (retention) options.further = retention->term(setup.decoder, setup.adaptation(), 0);
    if (scale) options.loss_scale = scale->at(i);
    const QueuedStep step = queue_step(setup.decoder, optimizer, batch, options);
    results_of({&step, 1});  // waits for it
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    tokens = batch.tokens;
  }
  Summary summary;
  summary.line("plan", setup.description());
  summary.line("merged model", setup.merged_size());
  summary.line("an epoch", describe(setup.first_epoch));
  summary.line("steps",
               fmt::format("{}, {} of them warm-up", total, warmup_steps(training, total)));
  summary.line("speed", fmt::format("{} tokens/s: {} a step of {}, about {} in all",
                                    human_count(static_cast<double>(tokens) / seconds),
                                    human_duration(seconds), counted(tokens, "token"),
                                    human_duration(seconds * static_cast<double>(total))));
  auto peak = static_cast<double>(peak_memory_bytes(setup.device));
  const bool fills = training.cache_prefix == CachePrefix::kMemory && cached_states > 0;
  if (fills) peak += static_cast<double>(cached_states);
  summary.line("peak memory",
               human_bytes(peak) + " after two steps, " +
                   (setup.device.is_cpu() ? "the program included" : "on the GPU") +
                   (fills ? ", and the states of the frozen layers after an epoch" : ""));
  summary.line("written", "nothing: this was a dry run");
  return describe_values(setup.config) + "\n" + data_table(setup.training_data) + "\n" +
         memory_table(setup, cached_states) + "\n" + notices_text(setup.notices) + summary.text();
}

}  // namespace expandft
