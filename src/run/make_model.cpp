#include "run/make_model.h"

#include "base/wording.h"
#include "export/model_card.h"
#include "export/unmerge.h"
#include "export/verification.h"
#include "families/model_config.h"
#include "growth/attach.h"
#include "methods/lora.h"
#include "model/weights.h"
#include "runtime/signals.h"
#include "tokenizer/tokenizer.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// A model directory that is being written.
class ModelOutput {
 public:
  /// Throws what AtomicDirectory's constructor throws.
  ModelOutput(const fs::path& target, std::uint64_t needed_bytes,
              AtomicDirectory::Existing existing, OnSignal on_signal = {})
      : directory_(target, needed_bytes, existing, OutputKind::kModel),
        cleanup_(watch_, [this, on_signal = std::move(on_signal)] {
          const bool is_removed = directory_.discard();
          if (on_signal) return on_signal(watch_.caught());
          spdlog::warn("ended by a signal: {} is {}", directory_.target().string(),
                       is_removed ? "not written" : "whole");
        }) {}

  const fs::path& path() const { return directory_.path(); }
  /// The directory appears, unless a signal came before: then this ends the process.
  void commit() {
    if (watch_.caught() == 0) directory_.commit();
    cleanup_.finish();
  }

 private:
  // In this order: signals are noted before the folder exists, and nothing acts on them after it.
  SignalWatch watch_;
  AtomicDirectory directory_;
  SignalCleanup cleanup_;
};

MadeModel merge_expansion(const ModelDirectory& base, const fs::path& adapter,
                          const Strength& strength, Layout layout, const ModelTarget& target,
                          const ProcessOptions& options) {
  const AdapterDirectory copies = open_adapter(adapter, base);
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan = plan_of(copies.info());
  const Folding folding{plan, resolve_layout(layout, plan, spec), strength, spec.layers};
  target.check(merged_bytes(base, spec, folding));
  const at::Device device = prepare_device(options);
  const FoldedSize size = folded_size(base, spec, folding);
  spdlog::info("merging {}; it will take {}", describe(plan, spec), describe(size, folding.layout));
  return {folding.layout, size,
          write_folded_model(target.output, target.existing, base, spec, folding,
                             adapter_tensors(copies),
                             merged_model_card(base, spec, folding, adapter.string()), device)};
}

MadeModel merge_lora(const ModelDirectory& base, const fs::path& adapter, const Strength& strength,
                     const ModelTarget& target, const ProcessOptions& options) {
  const std::vector<LayerOrigin> layers = layer_origins(read_spec(base).layers, {});
  target.check(tuned_bytes(base, layers));
  Decoder decoder = Decoder::load(base, at::kFloat, prepare_device(options));
  const auto lora = attach_lora(decoder, base, PeftAdapter::open(adapter));
  lora->set_strength(strength);
  spdlog::info("merging LoRA of {}", counted(std::ssize(lora->updates()), "projection"));
  return {Layout::kNative,
          {tuned_weight_bytes(base, layers)},
          write_tuned_model(target.output, target.existing, base, decoder, layers, strength,
                            lora_model_card(base, adapter.string(), strength))};
}

}  // namespace

LogitDifference write_folded_model(const fs::path& output, AtomicDirectory::Existing existing,
                                   const ModelDirectory& base, const DecoderSpec& spec,
                                   const Folding& folding, const NamedTensors& copies,
                                   const std::string& card, at::Device device, OnSignal on_signal) {
  ModelOutput model(output, merged_bytes(base, spec, folding), existing, std::move(on_signal));
  spdlog::info("writing {}", output.string());
  write_merged(model.path(), base, spec, folding, copies, card);
  spdlog::info("checking what was written against base and copies");
  const LogitDifference difference = check_written(model.path(), base, folding, copies, device);
  model.commit();
  return difference;
}

LogitDifference write_tuned_model(const fs::path& output, AtomicDirectory::Existing existing,
                                  const ModelDirectory& base, const Decoder& decoder,
                                  const std::vector<LayerOrigin>& layers, const Strength& strength,
                                  const std::string& card, OnSignal on_signal) {
  ModelOutput model(output, tuned_bytes(base, layers), existing, std::move(on_signal));
  spdlog::info("writing {}", output.string());
  write_tuned(model.path(), base, decoder, layers, strength, card);
  spdlog::info("checking what was written against the model in memory");
  const LogitDifference difference = check_tuned(model.path(), base, decoder, layers);
  model.commit();
  return difference;
}

void ModelTarget::check(std::uint64_t bytes) const {
  check_model_target(output, bytes, existing, inputs);
}

ExpandedModel expand_model(const ModelDirectory& base, const LayerSelection& layers,
                           std::int64_t copies, Layout layout, const ModelTarget& target,
                           const ProcessOptions& options) {
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan = make_plan(layers, copies, spec);
  const Folding folding{plan, resolve_layout(layout, plan, spec), 1.0};
  target.check(merged_bytes(base, spec, folding));
  const at::Device device = prepare_device(options);
  const FoldedSize size = folded_size(base, spec, folding);
  spdlog::info("expanding {}; it will take {}", describe(plan, spec),
               describe(size, folding.layout));
  const Dtype dtype = base.tensor(spec.names.embedding()).dtype;
  const LogitDifference split = check_identity(base, plan, dtype, device);
  const LogitDifference written = write_folded_model(
      target.output, target.existing, base, spec, folding, initial_tensors(base, spec, plan),
      expanded_model_card(base, spec, folding), device);
  return {plan, spec, dtype, split, {folding.layout, size, written}};
}

void check_adapter(const ModelDirectory& base, const fs::path& adapter, Layout layout) {
  if (is_peft_adapter(adapter)) return;
  resolve_layout(layout, plan_of(open_adapter(adapter, base).info()), read_spec(base));
}

MadeModel merge_adapter(const ModelDirectory& base, const fs::path& adapter,
                        const Strength& strength, Layout layout, const ModelTarget& target,
                        const ProcessOptions& options) {
  return is_peft_adapter(adapter)
             ? merge_lora(base, adapter, strength, target, options)
             : merge_expansion(base, adapter, strength, layout, target, options);
}

void import_model(const GgufImport& import, const ModelTarget& target) {
  const std::string place = import.file.path().string();
  read_spec(import.config, place);  // refuses what cannot be computed before anything is written
  target.check(import.bytes());
  ModelOutput model(target.output, import.bytes(), target.existing);
  spdlog::info("writing {}", target.output.string());
  import.write(model.path());
  try {
    const ModelDirectory written = ModelDirectory::open(model.path());
    check_vocabulary(*Tokenizer::load(model.path()), read_spec(written).vocab, place);
    // As many numbers as the config says, and none that nothing uses. Mapped, not read.
    load_weights(written, read_spec(written), scalar_type(import.tensors.front().dtype), at::kCPU);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput) throw;
    throw input_error("the parts of the file do not belong together: " + error.message(), place,
                      "get the model from another source, or converted again");
  }
  model.commit();
}

void unmerge_model(const ModelDirectory& merged, const ModelTarget& target) {
  read_merged_info(merged.path());  // refuses other models before anything is written
  const std::uint64_t bytes = unmerged_bytes(merged);
  target.check(bytes);
  ModelOutput base(target.output, bytes, target.existing);
  write_unmerged(base.path(), merged);
  base.commit();
}

}  // namespace expandft
