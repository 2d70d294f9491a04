#include "fuzz.h"
#include "training/training_state.h"

using namespace expandft;

// state.json of a snapshot. An accepted state means the same after it is written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    const Json json = parse_json(fuzz::as_text(data, size), "fuzz");
    try {
      const TrainingState state = parse_state(json);
      if (state.step < 0 || state.tokens < 0 || state.total_steps < 0) std::abort();
      const Json written = state_json(state);
      if (state_json(parse_state(written)) != written) std::abort();
    } catch (const Json::exception&) {
      // The reader turns this into an input error (training/snapshot.h).
    }
  });
  return 0;
}
