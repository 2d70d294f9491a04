#include "export/merged_directory.h"

#include "config/hub_cache.h"
#include "export/modeling_file.h"
#include "export/unmerge.h"

#include <system_error>

namespace expandft {

std::uint64_t merged_bytes(const ModelDirectory& base, const DecoderSpec& spec,
                           const Folding& folding) {
  constexpr std::uint64_t kSmallFiles = 1 << 20;  // config, headers, card
  std::uint64_t total = kSmallFiles + folded_bytes(base, spec, folding);
  for (const fs::path& file : base.companion_files()) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(base.path() / file, error);
    if (!error) total += size;  // otherwise copying it fails and says why
  }
  return total;
}

MergedInfo merged_info(const ModelDirectory& base, const DecoderSpec& spec,
                       const Folding& folding) {
  return {.base_model = model_name(base.path()),
          .base_fingerprint = base.fingerprint(),
          .base_config = read_file(base.path() / "config.json"),
          .layers = folding.plan.layers,
          .copies = folding.plan.copies,
          .widths = folding.plan.widths,
          .intermediate_size = spec.intermediate,
          .strength = folding.strength,
          .layout = folding.layout,
          .method = folding.plan.method,
          .reversible = is_reversible(folding)};
}

void write_merged(const fs::path& directory, const ModelDirectory& base, const DecoderSpec& spec,
                  const Folding& folding, const NamedTensors& copies, const std::string& card) {
  const MergedInfo info = merged_info(base, spec, folding);
  write_model_files(directory, fold(base, spec, folding, copies),
                    folded_config(base.config(), folding, spec).dump(2) + "\n", base);
  if (info.reversible) write_unmerge_remainder(directory, base, spec.names, folding);
  if (folding.layout == Layout::kRemoteCode) {
    write_file_atomically(directory / (std::string(kModelingModule) + ".py"), modeling_file(spec));
  }
  write_merged_info(directory, info);
  write_file_atomically(directory / "README.md", card);
}

}  // namespace expandft
