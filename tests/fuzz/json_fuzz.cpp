#include "fuzz.h"

using namespace expandft;

// JSON from outside, as in config.json. What is accepted must be what nlohmann's parser makes of
// it, and survive being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_text(data, size);
  fuzz::expect_input_error([&] {
    const Json json = parse_json(text, "fuzz");
    if (json != Json::parse(text)) std::abort();
    const std::string written = json.dump();
    if (parse_json(written, "fuzz").dump() != written) std::abort();
  });
  return 0;
}
