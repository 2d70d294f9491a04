#include "base/error.h"
#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace expandft;

// JSON from outside, as in config.json. What is accepted must be what nlohmann's parser makes of
// it, and survive being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Json json = parse_json(text, "fuzz");
    if (json != Json::parse(text)) std::abort();
    const std::string written = json.dump();
    if (parse_json(written, "fuzz").dump() != written) std::abort();
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput || error.message().empty()) std::abort();
    Json(error.what()).dump();  // throws on invalid UTF-8
  }
  return 0;
}
