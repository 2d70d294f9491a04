#include "base/cache_folder.h"

#include <cstdlib>

namespace expandft {

std::optional<fs::path> cache_folder(const char* name) {
  const auto variable = [](const char* of) -> std::optional<fs::path> {
    const char* const value = std::getenv(of);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return fs::path(value);
  };
  if (const auto own = variable("EXPANDFT_CACHE")) return *own / name;
  if (const auto caches = variable("XDG_CACHE_HOME")) return *caches / "expandft" / name;
  if (const auto home = variable("HOME")) return *home / ".cache" / "expandft" / name;
  return std::nullopt;
}

}  // namespace expandft
