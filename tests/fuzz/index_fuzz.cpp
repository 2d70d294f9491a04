#include "checkpoint/weight_files.h"
#include "fuzz.h"

using namespace expandft;

// model.safetensors.index.json. An accepted index names plain files only.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    for (const auto& [shard, tensors] : parse_model_index(fuzz::as_text(data, size), "fuzz")) {
      const fs::path path(shard);
      if (path.filename() != path || path.is_absolute() || shard == ".." || tensors.empty())
        std::abort();
    }
  });
  return 0;
}
