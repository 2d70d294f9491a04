#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// The kind of a piece; the numbers are those of SentencePiece's model format.
enum class PieceType : int {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // SentencePiece itself never finds it in text: "<s>", "[INST]"
  kUserDefined = 4,  // always one token: "<start_of_turn>"
  kUnused = 5,
  kByte = 6,  // "<0x41>"
};

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

/// The parts of a tokenizer.model that libsentencepiece's interface does not show.
struct SentencePieceModel {
  std::vector<Piece> pieces;                        // the index is the id
  std::int64_t unk_id = 0, bos_id = 1, eos_id = 2;  // -1: none
  bool add_dummy_prefix = true;
  bool is_bpe = false;
  /// The file without its self-test, and with dummy prefix, white space clean-up and character
  /// normalization switched off: the tokenizer adds the prefix itself, and transformers' Llama and
  /// Gemma tokenizers do not do the other two for any model. User-defined pieces are marked unused,
  /// since the tokenizer splits them off before SentencePiece gets the text.
  std::string plain_serialized;
};

/// Parses a serialized sentencepiece.ModelProto. Malformed bytes are an input error with the
/// offset.
SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& where);

}  // namespace expandft
