#include "run/make_model.h"

#include "base/wording.h"
#include "export/gguf_file.h"
#include "export/gguf_output.h"
#include "export/model_card.h"
#include "export/unmerge.h"
#include "export/unmerge_gguf.h"
#include "export/verification.h"
#include "families/model_config.h"
#include "growth/attach.h"
#include "methods/lora.h"
#include "model/tensors.h"
#include "model/weights.h"
#include "runtime/signals.h"
#include "tokenizer/tokenizer.h"

#include <optional>
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

std::string title_of(const ModelTarget& target) {
  return target.output.stem().string();
}

/// Writes a model with widened MLPs in the target's form.
MadeModel make_folded_model(const ModelTarget& target, const ModelDirectory& base,
                            const DecoderSpec& spec, const Folding& folding,
                            const NamedTensors& copies, const std::string& card, const char* doing,
                            const ProcessOptions& options) {
  FoldedSize size = folded_size(base, spec, folding);
  std::optional<GgufExport> gguf;
  if (target.form.is_gguf()) {
    gguf.emplace(folded_gguf(base, spec, folding, copies, target.form.gguf_type, title_of(target)));
    report_notices(gguf->notices(), options);
    const Dtype dtype = base.tensor(spec.names.embedding()).dtype;
    size = {gguf->bytes(), size_in_form(size, target.form, dtype).zeros};
  }
  target.check(gguf ? gguf->bytes() : merged_bytes(base, spec, folding));
  const at::Device device = prepare_device(options);
  spdlog::info("{} {}; it will take {}", doing, describe(folding.plan, spec),
               describe(size, folding.layout));
  if (!gguf) {
    return {folding.layout, size,
            write_folded_model(target.output, target.existing, base, spec, folding, copies, card,
                               device)};
  }
  const auto check = [&](const fs::path& written, const fs::path& scratch) {
    return check_folded_gguf(written, *gguf, base, folding, copies, device, scratch);
  };
  return {folding.layout, size,
          write_gguf_model(target.output, *gguf, check,
                           [&](const Notices& notices) { report_notices(notices, options); })};
}

MadeModel merge_expansion(const ModelDirectory& base, const fs::path& adapter,
                          const Strength& strength, Layout layout, const ModelTarget& target,
                          const ProcessOptions& options) {
  const AdapterDirectory copies = open_adapter(adapter, base);
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan = plan_of(copies.info());
  const Folding folding{plan, layout_for(target.form, layout, plan, spec), strength, spec.layers};
  return make_folded_model(target, base, spec, folding, adapter_tensors(copies),
                           merged_model_card(base, spec, folding, adapter.string()), "merging",
                           options);
}

MadeModel merge_lora(const ModelDirectory& base, const fs::path& adapter, const Strength& strength,
                     const ModelTarget& target, const ProcessOptions& options) {
  const std::vector<LayerOrigin> layers = layer_origins(read_spec(base).layers, {});
  std::uint64_t bytes = tuned_bytes(base, layers);
  if (target.form.is_gguf()) bytes = gguf_of(base, target.form.gguf_type).bytes();
  target.check(bytes);
  Decoder decoder = Decoder::load(base, at::kFloat, prepare_device(options));
  const auto lora = attach_lora(decoder, base, PeftAdapter::open(adapter));
  lora->set_strength(strength);
  spdlog::info("merging LoRA of {}", counted(std::ssize(lora->updates()), "projection"));
  if (target.form.is_gguf()) {
    const GgufExport gguf =
        tuned_gguf(base, decoder, layers, strength, target.form.gguf_type, title_of(target));
    report_notices(gguf.notices(), options);
    const auto check = [&](const fs::path& written, const fs::path& scratch) {
      return check_tuned_gguf(written, gguf, base, decoder, layers, scratch);
    };
    return {Layout::kNative,
            {gguf.bytes()},
            write_gguf_model(target.output, gguf, check,
                             [&](const Notices& notices) { report_notices(notices, options); })};
  }
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
  if (form.is_gguf()) {
    const auto can_replace = [this](const fs::path& file) {
      return existing == AtomicDirectory::Existing::kReplaceOurs && is_our_gguf_file(file);
    };
    return check_model_file_target(output, bytes, can_replace, inputs);
  }
  check_model_target(output, bytes, existing, inputs);
}

ExpandedModel expand_model(const ModelDirectory& base, const ExpansionConfig& expansion,
                           Layout layout, const ModelTarget& target,
                           const ProcessOptions& options) {
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan = make_plan(expansion, spec);
  const Folding folding{plan, layout_for(target.form, layout, plan, spec), 1.0};
  if (target.form.is_gguf()) gguf_of(base, target.form.gguf_type);  // refuses before any work
  target.check(bytes_in_form(merged_bytes(base, spec, folding), target.form,
                             base.tensor(spec.names.embedding()).dtype));
  const Dtype dtype = base.tensor(spec.names.embedding()).dtype;
  const LogitDifference split = check_identity(base, plan, dtype, prepare_device(options));
  return {plan, spec, dtype, split,
          make_folded_model(target, base, spec, folding, initial_tensors(base, spec, plan),
                            expanded_model_card(base, spec, folding), "expanding", options)};
}

void check_adapter(const ModelDirectory& base, const fs::path& adapter, Layout layout,
                   const OutputForm& form) {
  if (form.is_gguf()) gguf_of(base, form.gguf_type);  // refuses what GGUF cannot hold
  if (is_peft_adapter(adapter)) return;
  layout_for(form, layout, plan_of(open_adapter(adapter, base).info()), read_spec(base));
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

void unmerge_gguf_model(const fs::path& merged, const ModelTarget& target) {
  const GgufImport file = open_merged_gguf(merged);
  const std::uint64_t bytes = 2 * file.bytes();  // the import, and the base made from it
  target.check(bytes);
  ModelOutput base(target.output, bytes, target.existing);
  write_unmerged_gguf(base.path(), file);
  base.commit();
}

}  // namespace expandft
