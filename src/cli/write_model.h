#pragma once

#include "checkpoint/atomic_directory.h"
#include "config/run_config.h"
#include "expansion/merged_directory.h"
#include "expansion/verification.h"

#include <string>

#include <CLI/CLI.hpp>

namespace expandft {

/// --layout, one of kLayoutNames.
void add_layout_option(CLI::App& command, std::string& layout);
Layout parse_layout(const std::string& name);

/// What may happen to an output that is there: --force replaces anything, else only a model of
/// ours.
AtomicDirectory::Existing existing_policy(bool force);

/// Writes a merged model and checks what was written before it appears: a failure leaves nothing.
LogitDifference write_model(const fs::path& output, AtomicDirectory::Existing existing,
                            const ModelDirectory& base, const DecoderSpec& spec,
                            const Folding& folding, const CopyTensors& copies,
                            const std::string& card, at::Device device);

}  // namespace expandft
