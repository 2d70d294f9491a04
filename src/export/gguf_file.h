#pragma once

#include "checkpoint/model_directory.h"
#include "config/output_form.h"
#include "export/fold.h"
#include "export/logit_difference.h"
#include "export/tuned_directory.h"
#include "gguf/writing/export.h"

#include <string>
#include <vector>

namespace expandft {

// Models as GGUF files.

/// The key that holds what expandft.json says of a directory.
inline constexpr const char* kGgufInfoKey = "expandft.info";
/// The key that holds shared_neurons as JSON: {"3": [5, 17, …], …}.
inline constexpr const char* kGgufNeuronsKey = "expandft.neurons";

/// Whether expandft wrote the GGUF file at a path. False for what cannot be read.
bool is_our_gguf_file(const fs::path& file);

/// resolve_layout for a form of output. In a GGUF file "auto" stands for "deci" where not all
/// layers grow and llama.cpp can give each its own width; input error for "remote-code", which
/// needs code.
Layout layout_for(const OutputForm& form, Layout layout, const ExpansionPlan& plan,
                  const DecoderSpec& spec);

/// A model itself, a model with widened MLPs, and a tuned model, as GGUF files. `type`: of most
/// tensors; kAuto: of the embedding's dtype. Input errors of GgufExport.
GgufExport gguf_of(const ModelDirectory& model, GgufNumberType type);
GgufExport folded_gguf(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding,
                       const NamedTensors& copies, GgufNumberType type, const std::string& name);
GgufExport tuned_gguf(const ModelDirectory& base, const Decoder& decoder,
                      const std::vector<LayerOrigin>& layers, const Strength& strength,
                      GgufNumberType type, const std::string& name);

/// What was found when a GGUF file was read back.
struct GgufCheck {
  LogitDifference difference;  // to base + copies, or to the decoder
  Notices notices;
};

/// Reads a file that was just written and checks three things: the model before it became a file
/// computes what base + copies do (check_written); a reader of the file computes what that model
/// does once its numbers are rounded to the file's types, up to the order of summation, for every
/// type; and check_gguf_parts. `difference` is that of the file; where numbers were rounded,
/// `expected` says how much that typically makes. Failures of each check. `scratch` is an empty
/// folder.
GgufCheck check_folded_gguf(const fs::path& written, const GgufExport& gguf,
                            const ModelDirectory& base, const Folding& folding,
                            const NamedTensors& copies, at::Device device, const fs::path& scratch);
/// The same for a tuned model, by check_tuned.
GgufCheck check_tuned_gguf(const fs::path& written, const GgufExport& gguf,
                           const ModelDirectory& base, const Decoder& decoder,
                           const std::vector<LayerOrigin>& layers, const fs::path& scratch);

}  // namespace expandft
