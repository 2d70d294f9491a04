#include "checkpoint/model_info.h"

namespace expandft {

void write_tuned_info(const fs::path& directory, const std::string& base,
                      const Strength& strength) {
  const Json info = {{"format", kTunedFormat},
                     {"format_version", 1},
                     {"base_model_name_or_path", base},
                     {"strength", strength_json(strength)}};
  write_file_atomically(directory / kModelInfoFile, info.dump(2) + "\n");
}

std::optional<Strength> written_strength(const fs::path& model) {
  const fs::path file = model / kModelInfoFile;
  if (!is_file(file)) return std::nullopt;
  const Json info = read_json(file);
  if (!info.is_object()) return std::nullopt;
  return strength_of(info.value("strength", Json()));
}

}  // namespace expandft
