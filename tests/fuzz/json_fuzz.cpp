#include "fuzz.h"

using namespace expandft;

// Untrusted JSON, such as config.json. Accepted text must give what nlohmann's parser gives, and be
// unchanged after it is written and read again.
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
