#include "training/automatic.h"

#include "base/error.h"
#include "base/wording.h"
#include "config/unknown_keys.h"
#include "kernels/product_probe.h"
#include "report/human.h"
#include "runtime/cpu_precision.h"
#include "runtime/free_memory.h"
#include "training/memory_estimate.h"
#include "training/micro_batch.h"
#include "training/step_loss.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

const char* name_of(Precision precision) {
  for (const auto& [name, value] : kPrecisionNames) {
    if (value == precision) return name;
  }
  return "auto";
}

Precision precision_named(const Json& name) {
  for (const auto& [known, value] : kPrecisionNames) {
    if (name == known) return value;
  }
  return Precision::kAuto;
}

PrecisionChoice found_precision(at::Device device, const DecoderSpec& spec) {
  if (!device.is_cpu()) return {Precision::kBFloat16, "on a GPU"};
  const BFloat16Unit unit = bfloat16_unit();
  if (unit == BFloat16Unit::kNone) return cpu_precision(unit, {});
  static const auto measured = time_products(spec.hidden, spec.intermediate);
  return cpu_precision(unit, measured);
}

void set_resolved(ResolvedConfig& config, const std::string& key, Json value) {
  config.resolved["training"][key] = std::move(value);
  for (auto& [path, source] : config.value_sources) {
    if (path == "training." + key) source = ValueSource::kAutomatic;
  }
}

void tell(std::vector<AutomaticChoice>& choices, AutomaticChoice choice) {
  spdlog::info("{}: {}", choice.name, choice.text);
  choices.push_back(std::move(choice));
}

/// The micro-batch size of an earlier process of the run. Nothing when there was none.
std::optional<std::int64_t> kept_micro_batch(const Json& kept) {
  if (!kept.is_object()) return {};
  const Json size = kept.value("micro_batch_size", Json());
  if (size.is_number_integer()) return size.get<std::int64_t>();
  const Json batch = kept.value("batch_size", Json());
  const Json steps = kept.value("gradient_accumulation_steps", Json());
  if (!batch.is_number_integer() || !steps.is_number_integer()) return {};
  return batch.get<std::int64_t>() / steps.get<std::int64_t>();
}

/// Bytes that the rank with the least memory has left for training. Nothing if one cannot tell.
std::optional<double> free_bytes(const Decoder& decoder, std::int64_t weight_bytes,
                                 const RankGroup& group) {
  group.texts("ready");  // until all ranks hold their models
  const bool on_cpu = decoder.device().is_cpu();
  std::optional<std::int64_t> bytes = on_cpu ? free_host_bytes() : free_gpu_bytes(decoder.device());
  // Pages of the base's files count as free, but are read in every step.
  if (bytes && on_cpu) *bytes -= std::max(resident_file_bytes(), weight_bytes);
  const Json own = {{"machine", machine_id()}, {"bytes", bytes ? Json(*bytes) : Json()}};
  std::vector<Json> all;
  for (const std::string& text : group.texts(own.dump())) all.push_back(parse_json(text, "a rank"));
  std::optional<double> least;
  for (const Json& one : all) {
    if (one.at("bytes").is_null()) return {};
    // Ranks on one machine share its memory, and each has a GPU of its own.
    const auto sharers = std::ranges::count_if(
        all, [&](const Json& other) { return other.at("machine") == one.at("machine"); });
    const double share =
        one.at("bytes").get<double>() / (on_cpu ? static_cast<double>(sharers) : 1.0);
    least = std::min(least.value_or(share), share);
  }
  return least;
}

MicroBatchLimits limits_of(const RunConfig& run, const MicroBatchSources& sources, int ranks) {
  const TrainingConfig& training = run.training;
  const Decoder& decoder = sources.decoder;
  MicroBatchLimits limits{.batch_size = training.batch_size,
                          .batch_tokens = training.batch_tokens,
                          .ranks = ranks,
                          .enough = decoder.device().is_cpu() ? 16384 : 131072};
  const Dataset& data = sources.epochs.dataset();
  const PackedEpochs::Packs packs = sources.epochs.of(0);
  std::int64_t tokens = 0;
  for (const Pack& pack : *packs) {
    std::int64_t length = 0;
    for (const std::uint32_t example : pack) length += data.examples.length(example);
    limits.lengths.push_back(length);
    tokens += length;
  }
  const StepMemory memory = step_memory(decoder, sources.method, training, ranks);
  limits.fixed_bytes = memory.state + memory.head;
  limits.token_bytes = memory.token;
  if (const LossOptions loss{.token_weights = training.token_weights,
                             .data_retention = run.retention.uses_data() ? 1.0 : 0.0};
      loss.asks_base()) {
    // The base's states, and those that it shares with the tuned model: of a micro-batch, or of a
    // rank's whole step.
    const auto element = static_cast<double>(at::elementSize(decoder.dtype()));
    const double of_token =
        element * static_cast<double>(decoder.spec().hidden +
                                      decoder.state_width(sources.method.frozen_layers));
    if (training.token_weights == TokenWeights::kStm) {
      const std::int64_t step =
          training.batch_tokens.value_or(training.batch_size.value_or(1) * run.data.max_length);
      limits.fixed_bytes += of_token * static_cast<double>(step / ranks);
    } else {
      limits.token_bytes += of_token;
    }
  }
  if (run.retention.uses_text()) {
    const bool reads_files = !std::ranges::all_of(run.retention.text, &DataSource::is_self);
    const std::int64_t length = reads_files
                                    ? std::max(run.data.max_length, run.retention.sample_length)
                                    : run.retention.sample_length;
    const std::int64_t texts = (run.retention.batch_size + ranks - 1) / ranks;
    limits.other_bytes = memory.head + memory.token * static_cast<double>(texts * length);
  }
  if (training.cache_prefix == CachePrefix::kMemory && sources.method.frozen_layers > 0) {
    constexpr double kDefaultLimit = 4e9;
    const auto element = static_cast<double>(at::elementSize(decoder.dtype()));
    const double states =
        element * static_cast<double>(tokens * decoder.state_width(sources.method.frozen_layers));
    limits.fixed_bytes += std::min(states, training.cache_prefix_limit
                                               ? static_cast<double>(*training.cache_prefix_limit)
                                               : kDefaultLimit);
  }
  return limits;
}

std::string reason_text(const MicroBatchChoice& choice, double free) {
  using Reason = MicroBatchChoice::Reason;
  const std::string size = counted(choice.tokens, "token") + ": training takes up to " +
                           human_bytes(choice.bytes) + " more, and " + human_bytes(free) +
                           " are free";
  switch (choice.reason) {
    case Reason::kWholeStep:
      return size + "; a step has no more";
    case Reason::kEnough:
      return size + "; more at once would be no faster";
    case Reason::kMemory:
      return size + "; twice as many would not fit";
    case Reason::kTooLarge:
      break;
  }
  return size;
}

}  // namespace

Json kept_training(const fs::path& run, const RankGroup& group) {
  Json kept;
  const fs::path file = run / "config.resolved.json";
  if (group.is_first() && is_file(file)) {
    const Json config = with_present_keys(read_json(file));
    if (config.is_object()) kept = config.value("training", Json());
  }
  return parse_json(group.text_of_first(kept.dump()), file.string());
}

Precision automatic_precision(at::Device device, const DecoderSpec& spec) {
  const PrecisionChoice choice = found_precision(device, spec);
  spdlog::info("precision: {} ({})", name_of(choice.precision), choice.reason);
  return choice.precision;
}

void settle_precision(ResolvedConfig& config, const Json& kept, at::Device device,
                      const DecoderSpec& spec, const RankGroup& group,
                      std::vector<AutomaticChoice>& choices) {
  Precision& precision = config.run.training.precision;
  if (precision != Precision::kAuto) return;
  std::string reason;
  if (kept.is_object() && kept.contains("precision")) {
    precision = precision_named(kept.at("precision"));
    reason = "as before";
  } else {
    const PrecisionChoice own =
        group.is_first() ? found_precision(device, spec) : PrecisionChoice();
    precision = precision_named(group.text_of_first(name_of(own.precision)));
    reason = own.reason;
  }
  if (precision == Precision::kAuto) return;
  set_resolved(config, "precision", name_of(precision));
  tell(choices, {"precision", std::string(name_of(precision)) + " (" + reason + ")"});
}

void settle_micro_batch(ResolvedConfig& config, const Json& kept, const MicroBatchSources& sources,
                        const RankGroup& group, std::vector<AutomaticChoice>& choices) {
  TrainingConfig& training = config.run.training;
  if (!training.micro_batch_fits_memory || training.micro_batch_size) return;
  const auto take = [&](std::int64_t sequences, const std::string& reason) {
    training.micro_batch_size = sequences;
    set_resolved(config, "micro_batch_size", sequences);
    tell(choices, {"micro_batch_size", std::to_string(sequences) + " (" + reason + ")"});
  };
  if (const auto before = kept_micro_batch(kept)) return take(*before, "as before");
  const auto free = free_bytes(sources.decoder, sources.weight_bytes, group);
  if (!free) return take(8, "how much memory is free cannot be told here");
  MicroBatchLimits limits = limits_of(config.run, sources, group.count());
  limits.free_bytes = *free;
  const MicroBatchChoice choice = choose_micro_batch(limits);
  take(choice.sequences, reason_text(choice, *free));
  if (choice.reason == MicroBatchChoice::Reason::kTooLarge && group.is_first()) {
    spdlog::warn(
        "training may run out of memory even with a micro-batch of one sequence{}; fewer expanded "
        "layers or copies and a smaller data.max_length{} take less",
        limits.other_bytes > limits.token_bytes * static_cast<double>(choice.tokens)
            ? " (retention.batch_size decides here)"
            : "",
        training.gradient_checkpointing ? "" : ", or training.gradient_checkpointing,");
  }
}

}  // namespace expandft
