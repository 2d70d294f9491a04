#include "fuzz.h"
#include "tokenizer/sentencepiece_model.h"

using namespace expandft;

// A tokenizer.model. If it is accepted, it has the ids that it names, and its texts can be printed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    const SentencePieceModel model = parse_sentencepiece_model(fuzz::as_text(data, size), "fuzz");
    const auto count = static_cast<std::int64_t>(model.pieces.size());
    if (count == 0) std::abort();
    for (const std::int64_t id : {model.unk_id, model.bos_id, model.eos_id}) {
      if (id < -1 || id >= count) std::abort();
    }
    for (const Piece& piece : model.pieces) Json(piece.text).dump();
    // What is passed to SentencePiece must be readable again.
    if (parse_sentencepiece_model(model.plain_serialized, "fuzz").pieces.size() !=
        model.pieces.size()) {
      std::abort();
    }
  });
  return 0;
}
