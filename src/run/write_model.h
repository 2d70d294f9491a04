#pragma once

#include "checkpoint/atomic_directory.h"
#include "config/run_config.h"
#include "export/merged_directory.h"
#include "export/tuned_directory.h"
#include "export/verification.h"
#include "run/model_output.h"

#include <string>

namespace expandft {

/// Writes a model with widened MLPs and checks what was written before it appears: a failure leaves
/// nothing, and neither does a signal (ModelOutput has `on_signal`).
LogitDifference write_model(const fs::path& output, AtomicDirectory::Existing existing,
                            const ModelDirectory& base, const DecoderSpec& spec,
                            const Folding& folding, const NamedTensors& copies,
                            const std::string& card, at::Device device, OnSignal on_signal = {});

/// The same for what another adaptation made of a decoder, at the strength that is set and told.
LogitDifference write_tuned_model(const fs::path& output, AtomicDirectory::Existing existing,
                                  const ModelDirectory& base, const Decoder& decoder,
                                  const std::vector<LayerOrigin>& layers, const Strength& strength,
                                  const std::string& card, OnSignal on_signal = {});

}  // namespace expandft
