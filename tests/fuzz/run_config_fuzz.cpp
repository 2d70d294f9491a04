#include "config/run_config.h"
#include "fuzz.h"

using namespace expandft;

// A run config. An accepted config, written with all defaults, must be accepted again and mean the
// same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const fs::path file = folder.write("run.json", fuzz::as_text(data, size));
  std::optional<ResolvedConfig> config;
  fuzz::expect_input_error([&] { config = load_run_config(file); });
  if (!config) return 0;
  describe_values(*config);
  const fs::path resolved = folder.write("resolved.json", config->resolved.dump());
  if (load_run_config(resolved).resolved != config->resolved) std::abort();
  return 0;
}
