#include "run/write_model.h"

#include "cli/app.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {

void add_layout_option(CLI::App& command, std::string& layout) {
  std::vector<std::string> names;
  for (const auto& [name, value] : kLayoutNames) names.emplace_back(name);
  command
      .add_option(
          "--layout", layout,
          "Of the written model: native (all layers grow), padded (the others are filled up "
          "with zeros to the same width), remote-code (each its width; transformers needs "
          "trust_remote_code), deci (the same for llama.cpp), or auto: native or padded")
      ->type_name("NAME")
      ->capture_default_str()
      ->check(one_of(names));
}

Layout parse_layout(const std::string& name) {
  for (const auto& [known, layout] : kLayoutNames) {
    if (name == known) return layout;
  }
  return Layout::kAuto;  // the option takes no other name
}

void add_force_option(CLI::App& command, bool& force) {
  command.add_flag("--force", force,
                   "Replace the model that expandft has written to --output before; nothing else "
                   "is ever replaced");
}

AtomicDirectory::Existing existing_policy(bool force) {
  return force ? AtomicDirectory::Existing::kReplaceOurs : AtomicDirectory::Existing::kRefuse;
}

LogitDifference write_model(const fs::path& output, AtomicDirectory::Existing existing,
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

}  // namespace expandft
