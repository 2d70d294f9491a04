#include "base/error.h"
#include "checkpoint/model_index.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

using namespace expandft;

// model.safetensors.index.json. What is accepted must name plain files only.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    for (const auto& [shard, tensors] : parse_model_index(text, "fuzz")) {
      const std::filesystem::path path(shard);
      if (path.filename() != path || path.is_absolute() || shard == ".." || tensors.empty())
        std::abort();
    }
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput || error.message().empty()) std::abort();
  }
  return 0;
}
