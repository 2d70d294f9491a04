#include "methods/method.h"

#include "base/wording.h"
#include "methods/full_last.h"
#include "methods/new_mlp_zero_init.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

namespace expandft {

std::int64_t count_trained_parameters(const Adaptation& adaptation) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : adaptation.tensors()) count += tensor.numel();
  return count;
}

AppliedMethod apply_method(Decoder& decoder, const ModelDirectory& base, const RunConfig& run) {
  AppliedMethod out;
  const DecoderSpec spec = decoder.spec();
  std::vector<std::int64_t> added;
  switch (run.method.kind) {
    case Method::kNew:
    case Method::kMlp:
    case Method::kZeroInit:
      out.plan = make_plan(run.expansion, spec, run.method.kind);
      out.adaptation = widen_mlps(decoder, base, *out.plan, run);
      out.frozen_layers = out.plan->layers.front();
      break;
    case Method::kLlamaPro:
      added = run.expansion.layers.resolve(spec.layers);
      out.adaptation = add_layers(decoder, added);
      out.frozen_layers = added.front() + 1;
      break;
    case Method::kLora: {
      auto lora = add_lora(decoder, run.lora, run.training.seed);
      out.lora = lora.get();
      out.adaptation = std::move(lora);
      break;
    }
    case Method::kFull:
      out.adaptation = train_all_weights(decoder);
      break;
    case Method::kLast:
      out.adaptation = train_last_layers(decoder, run.method.last_layers);
      out.frozen_layers = spec.layers - run.method.last_layers;
      break;
  }
  out.layers = layer_origins(spec.layers, added);
  return out;
}

std::string describe(const AppliedMethod& applied, const RunConfig& run, const DecoderSpec& base) {
  const std::int64_t all = count_parameters(base),
                     trained = count_trained_parameters(*applied.adaptation);
  const std::string share =
      fmt::format("{:.1f} % of the model's {}",
                  100.0 * static_cast<double>(trained) / static_cast<double>(all), all);
  switch (run.method.kind) {
    case Method::kNew:
      return describe(*applied.plan, base);
    case Method::kMlp:
      return describe(*applied.plan, base) + "; the originals of these MLPs train too";
    case Method::kZeroInit:
      return describe(*applied.plan, base) + "; the added width begins at zero";
    case Method::kLlamaPro:
      return fmt::format("layers added after {}: {}, {}",
                         fmt::join(run.expansion.layers.resolve(base.layers), ", "),
                         counted(trained, "new parameter"), share);
    case Method::kLora:
      return fmt::format("LoRA of rank {} on {}: {}, {}", run.lora.rank,
                         counted(std::ssize(applied.lora->updates()), "projection"),
                         counted(trained, "new parameter"), share);
    case Method::kLast:
      return fmt::format("the last {} of {} train: {}, {}", run.method.last_layers,
                         counted(base.layers, "layer"), counted(trained, "parameter"), share);
    case Method::kFull:
      break;
  }
  return fmt::format("full fine-tuning: all {} parameters train", trained);
}

}  // namespace expandft
