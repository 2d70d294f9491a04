#pragma once

#include "checkpoint/atomic_directory.h"
#include "config/output_form.h"
#include "config/run_config.h"
#include "export/logit_difference.h"
#include "export/merged_directory.h"
#include "export/tuned_directory.h"
#include "gguf/import.h"
#include "run/process_options.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace expandft {

// Whole models, as directories or GGUF files: expand, merge, unmerge and import, and what a run
// writes. A directory is checked before it appears, and exists whole or not at all, also when a
// signal ends the process (kEndingSignals): what was written is removed first.

/// What is done about a signal, on a thread of its own.
using OnSignal = std::function<void(int signal)>;

/// Writes a model with widened MLPs. A failure leaves nothing. `on_signal` is called in place of a
/// log line about the directory, and may end the process its own way.
LogitDifference write_folded_model(const fs::path& output, AtomicDirectory::Existing existing,
                                   const ModelDirectory& base, const DecoderSpec& spec,
                                   const Folding& folding, const NamedTensors& copies,
                                   const std::string& card, at::Device device,
                                   OnSignal on_signal = {});

/// The same for what another adaptation made of a decoder, at `strength`, which is set in it.
LogitDifference write_tuned_model(const fs::path& output, AtomicDirectory::Existing existing,
                                  const ModelDirectory& base, const Decoder& decoder,
                                  const std::vector<LayerOrigin>& layers, const Strength& strength,
                                  const std::string& card, OnSignal on_signal = {});

/// Where a model is to be written.
struct ModelTarget {
  fs::path output;
  AtomicDirectory::Existing existing = AtomicDirectory::Existing::kRefuse;
  std::vector<fs::path> inputs;  // files and folders that the output may not replace
  OutputForm form = {};

  /// Input error, before any work, for a place where the model cannot be written.
  void check(std::uint64_t bytes) const;
};

/// A model that was written: its layout and size, and how far its logits are off.
struct MadeModel {
  Layout layout = Layout::kNative;
  FoldedSize size;
  LogitDifference difference;
};

/// A model that expand_model wrote.
struct ExpandedModel {
  ExpansionPlan plan;
  DecoderSpec spec;       // of the base
  Dtype dtype;            // of its weights
  LogitDifference split;  // of base and copies before they are folded: always identical
  MadeModel made;
};
/// Writes a copy of `base` with wider MLPs that computes the same function, and checks that it
/// does. Neurons must be chosen. Input errors of make_plan, resolve_layout and the target.
ExpandedModel expand_model(const ModelDirectory& base, const ExpansionConfig& expansion,
                           Layout layout, const ModelTarget& target, const ProcessOptions& options);

/// Input error when an adapter of expandft's is not of this base, or when the layout or the form
/// cannot hold it. Loads no weights.
void check_adapter(const ModelDirectory& base, const fs::path& adapter, Layout layout,
                   const OutputForm& form);
/// Folds an adapter, expandft's own or a PEFT LoRA, into its base. A LoRA leaves every width as it
/// is, so that the base's layout is the only one.
MadeModel merge_adapter(const ModelDirectory& base, const fs::path& adapter,
                        const Strength& strength, Layout layout, const ModelTarget& target,
                        const ProcessOptions& options);

/// Writes the Hugging Face directory of a GGUF file, and checks that its config, weights and
/// tokenizer fit each other. Input errors name the file.
void import_model(const GgufImport& import, const ModelTarget& target);

/// Takes the base back out of a merged model, byte for byte. Input error for models that expandft
/// did not merge, or whose merge rounded.
void unmerge_model(const ModelDirectory& merged, const ModelTarget& target);
/// The same from a merged GGUF file; errors of open_merged_gguf and write_unmerged_gguf.
void unmerge_gguf_model(const fs::path& merged, const ModelTarget& target);

}  // namespace expandft
