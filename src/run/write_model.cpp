#include "run/write_model.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {

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
