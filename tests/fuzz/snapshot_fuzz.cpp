#include "fuzz.h"
#include "training/training_state.h"

using namespace expandft;

// state.json of a snapshot. What is accepted, written out, means the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    const Json json = parse_json(fuzz::as_text(data, size), "fuzz");
    try {
      const TrainingState state = parse_state(json);
      if (state.step < 0 || state.tokens < 0 || state.total_steps < 0) std::abort();
      const Json written = state_json(state);
      if (state_json(parse_state(written)) != written) std::abort();
    } catch (const Json::exception&) {
      // Its reader makes an input error of this (training/snapshot.h).
    }
  });
  return 0;
}
