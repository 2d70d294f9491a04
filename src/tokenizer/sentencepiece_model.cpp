#include "tokenizer/sentencepiece_model.h"

#include "base/error.h"
#include "base/utf8.h"

#include <cstring>

namespace expandft {
namespace {

// Numbers of the fields in sentencepiece_model.proto that are read here.
enum ModelField { kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3, kSelfTest = 4 };
enum PieceField { kPieceText = 1, kPieceScore = 2, kPieceType = 3 };
enum TrainerField { kModelType = 3, kUnkId = 40, kBosId = 41, kEosId = 42 };
constexpr std::uint64_t kBpe = 2;  // of kModelType
enum NormalizerField {
  kCharsMap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraWhitespaces = 4,
  kEscapeWhitespaces = 5
};

struct WireField {
  std::uint64_t number = 0;
  std::uint64_t value = 0;   // of varints
  std::string_view payload;  // of strings, messages and numbers of a fixed size
  std::string_view encoded;  // the field as it is, tag included
};

/// Reads the fields of one protobuf message (wire format: tag = number << 3 | wire type).
class MessageReader {
 public:
  MessageReader(std::string_view bytes, std::string_view whole, const std::string& where)
      : bytes_(bytes), whole_(whole), where_(where) {}

  bool next(WireField& field) {
    if (at_ == bytes_.size()) return false;
    const std::size_t start = at_;
    field = {};
    const std::uint64_t tag = varint();
    field.number = tag >> 3;
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.payload = take(varint());
        break;
      case 5:
        field.payload = take(4);
        break;
      default:
        damaged("unknown wire type");
    }
    if (field.number == 0) damaged("field number 0");
    field.encoded = bytes_.substr(start, at_ - start);
    return true;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    damaged("a number of more than ten bytes");
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) damaged("the file ends inside a field");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }

  [[noreturn]] void damaged(const std::string& reason) const {
    const auto offset = static_cast<std::size_t>(bytes_.data() - whole_.data()) + at_;
    throw input_error("damaged SentencePiece model: " + reason + " at byte " +
                          std::to_string(offset) + " of " + std::to_string(whole_.size()),
                      where_, "download the file again");
  }

  std::string_view bytes_;
  std::string_view whole_;
  const std::string& where_;
  std::size_t at_ = 0;
};

void append_varint(std::uint64_t value, std::string& bytes) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  bytes += static_cast<char>(value);
}

// The piece's message with another type appended: the last of repeated fields counts.
void append_piece_as(PieceType type, std::string_view message, std::string& bytes) {
  bytes += static_cast<char>(kPieces << 3 | 2);
  append_varint(message.size() + 2, bytes);
  bytes.append(message).append({static_cast<char>(kPieceType << 3), static_cast<char>(type)});
}

std::int64_t as_int32(std::uint64_t value) {
  return static_cast<std::int32_t>(value);
}

}  // namespace

SentencePieceModel parse_sentencepiece_model(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  WireField field;
  WireField inner;
  for (MessageReader reader(bytes, bytes, where); reader.next(field);) {
    if (field.number != kSelfTest && field.number != kPieces) {
      model.plain_serialized += field.encoded;
    }
    MessageReader message(field.payload.empty() ? bytes.substr(bytes.size()) : field.payload, bytes,
                          where);
    if (field.number == kPieces) {
      Piece& piece = model.pieces.emplace_back();
      while (message.next(inner)) {
        if (inner.number == kPieceText) piece.text = inner.payload;
        if (inner.number == kPieceScore && inner.payload.size() == sizeof piece.score) {
          std::memcpy(&piece.score, inner.payload.data(), sizeof piece.score);
        }
        if (inner.number == kPieceType) piece.type = static_cast<PieceType>(as_int32(inner.value));
      }
      if (piece.type == PieceType::kUserDefined) {
        append_piece_as(PieceType::kUnused, field.payload, model.plain_serialized);
      } else {
        model.plain_serialized += field.encoded;
      }
    } else if (field.number == kTrainerSpec) {
      while (message.next(inner)) {
        if (inner.number == kModelType) model.is_bpe = inner.value == kBpe;
        if (inner.number == kUnkId) model.unk_id = as_int32(inner.value);
        if (inner.number == kBosId) model.bos_id = as_int32(inner.value);
        if (inner.number == kEosId) model.eos_id = as_int32(inner.value);
      }
    } else if (field.number == kNormalizerSpec) {
      while (message.next(inner)) {
        if (inner.number == kAddDummyPrefix) model.add_dummy_prefix = inner.value != 0;
      }
    }
  }
  if (model.pieces.empty()) {
    throw input_error(
        "the SentencePiece model has no pieces (" + std::to_string(bytes.size()) + " bytes)", where,
        "download the file again");
  }
  const auto count = static_cast<std::int64_t>(model.pieces.size());
  for (std::int64_t id = 0; id < count; ++id) {
    if (find_invalid_utf8(model.pieces[static_cast<std::size_t>(id)].text) == std::string::npos) {
      continue;
    }
    throw input_error(
        "damaged SentencePiece model: the text of piece " + std::to_string(id) + " is not UTF-8",
        where, "download the file again");
  }
  for (const std::int64_t id : {model.unk_id, model.bos_id, model.eos_id}) {
    if (id < -1 || id >= count) {
      throw input_error("damaged SentencePiece model: special id " + std::to_string(id) +
                            " lies outside its " + std::to_string(count) + " pieces",
                        where, "download the file again");
    }
  }
  // Repeated occurrences of a message field are merged; the last value counts.
  const char off[] = {kNormalizerSpec << 3 | 2, 8, kCharsMap << 3 | 2,           0,
                      kAddDummyPrefix << 3,     0, kRemoveExtraWhitespaces << 3, 0,
                      kEscapeWhitespaces << 3,  1};
  model.plain_serialized.append(off, sizeof(off));
  return model;
}

}  // namespace expandft
