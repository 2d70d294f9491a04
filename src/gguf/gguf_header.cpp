#include "gguf/gguf_header.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <tuple>
#include <utility>

namespace expandft {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF's data is little-endian");

constexpr const char* kDamaged = "the file is damaged or incomplete: download it again";
constexpr std::uint64_t kDefaultAlignment = 32, kMostAlignment = 1 << 20;

using ValueType = GgufValueType;

std::string in_quotes(std::string_view text) {
  return json_excerpt(Json(std::string(text)));
}

template <typename Number>
Number number_at(const std::byte* from) {
  Number number{};
  std::memcpy(&number, from, sizeof(Number));
  return number;
}

/// Reads a header front to back; every length is checked against what is left of the file.
class GgufReader {
 public:
  GgufReader(std::span<const std::byte> file, std::string where)
      : file_(file), where_(std::move(where)) {}

  GgufHeader read();

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& place = {}) const {
    throw input_error(
        what, place.empty() ? where_ + ": byte " + std::to_string(at_) : where_ + ": " + place,
        kDamaged);
  }

  std::size_t left() const { return file_.size() - at_; }

  template <typename Number>
  Number take() {
    if (left() < sizeof(Number)) fail("the file ends inside the header");
    const auto number = number_at<Number>(file_.data() + at_);
    at_ += sizeof(Number);
    return number;
  }

  std::string_view text() {
    const auto length = take<std::uint64_t>();
    if (length > left()) {
      fail("found a text of " + std::to_string(length) + " bytes, but only " +
           std::to_string(left()) + " follow");
    }
    const std::string_view found(reinterpret_cast<const char*>(file_.data()) + at_, length);
    at_ += length;
    return found;
  }

  /// A count of things that take at least `least` bytes each.
  std::uint64_t count(const char* of, std::size_t least) {
    const auto found = take<std::uint64_t>();
    if (found > left() / least) {
      fail("found " + std::to_string(found) + " " + of + ", more than the file's " +
           std::to_string(file_.size()) + " bytes can hold");
    }
    return found;
  }

  GgufValue value(ValueType type, const std::string& key);
  GgufValue array(const std::string& key);
  void read_start();
  void read_metadata(std::uint64_t keys, GgufHeader& header);
  GgufHeader::Entry tensor(const std::string& place);
  void place_tensors(GgufHeader& header);

  std::span<const std::byte> file_;
  std::string where_;
  std::size_t at_ = 0;
};

GgufValue GgufReader::array(const std::string& key) {
  const auto type = static_cast<ValueType>(take<std::uint32_t>());
  if (type == ValueType::kArray || type > ValueType::kFloat64) {
    fail("found an array of type " + std::to_string(static_cast<std::uint32_t>(type)) +
             ", expected numbers, booleans or texts",
         "key " + in_quotes(key));
  }
  const std::uint64_t length = count("array elements", bytes_of(type));
  if (type == ValueType::kString) {
    GgufTexts texts;
    texts.reserve(length);
    for (std::uint64_t i = 0; i < length; ++i) texts.push_back(text());
    return {std::move(texts)};
  }
  const auto bytes = file_.subspan(at_, length * bytes_of(type));
  at_ += bytes.size();
  return {GgufNumbers(type, bytes)};
}

GgufValue GgufReader::value(ValueType type, const std::string& key) {
  switch (type) {
    case ValueType::kUint8:
      return {std::uint64_t{take<std::uint8_t>()}};
    case ValueType::kUint16:
      return {std::uint64_t{take<std::uint16_t>()}};
    case ValueType::kUint32:
      return {std::uint64_t{take<std::uint32_t>()}};
    case ValueType::kUint64:
      return {take<std::uint64_t>()};
    case ValueType::kInt8:
      return {std::int64_t{take<std::int8_t>()}};
    case ValueType::kInt16:
      return {std::int64_t{take<std::int16_t>()}};
    case ValueType::kInt32:
      return {std::int64_t{take<std::int32_t>()}};
    case ValueType::kInt64:
      return {take<std::int64_t>()};
    case ValueType::kFloat32:
      return {static_cast<double>(take<float>())};
    case ValueType::kFloat64:
      return {take<double>()};
    case ValueType::kBool: {
      const auto byte = take<std::uint8_t>();
      if (byte > 1) fail("found the boolean " + std::to_string(byte), "key " + in_quotes(key));
      return {byte == 1};
    }
    case ValueType::kString:
      return {text()};
    case ValueType::kArray:
      return array(key);
  }
  fail("found a value of type " + std::to_string(static_cast<std::uint32_t>(type)) +
           ", expected 0 to 12",
       "key " + in_quotes(key));
}

void GgufReader::read_start() {
  const std::string_view start(reinterpret_cast<const char*>(file_.data()),
                               std::min<std::size_t>(file_.size(), 64));
  if (start.starts_with("version https://git-lfs")) {
    throw input_error("found a Git LFS pointer, expected the file itself", where_,
                      "run \"git lfs pull\" in its repository");
  }
  if (!start.starts_with("GGUF")) {
    throw input_error("the file does not begin with \"GGUF\"", where_,
                      "check that this is a GGUF file, and download it again");
  }
  at_ = 4;
  const auto version = take<std::uint32_t>();
  if (version == 2 || version == 3) return;
  const bool is_big_endian = version == 2U << 24 || version == 3U << 24;
  throw input_error(is_big_endian
                        ? std::string("the file is big-endian, expected little-endian")
                        : "found GGUF version " + std::to_string(version) + ", expected 2 or 3",
                    where_, "get the model as a little-endian GGUF file of version 3");
}

void GgufReader::read_metadata(std::uint64_t keys, GgufHeader& header) {
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::string_view key = text();
    if (key.empty() || find_invalid_utf8(key) != std::string::npos) {
      fail("found a key that is empty or not UTF-8");
    }
    const std::string name(key);
    const auto type = static_cast<ValueType>(take<std::uint32_t>());
    if (!header.metadata.emplace(name, value(type, name)).second) {
      fail("the key occurs twice", "key " + in_quotes(name));
    }
  }
}

GgufHeader::Entry GgufReader::tensor(const std::string& place) {
  GgufHeader::Entry entry;
  constexpr std::uint32_t kMostDimensions = 4;
  const auto dimensions = take<std::uint32_t>();
  if (dimensions == 0 || dimensions > kMostDimensions) {
    fail("found " + std::to_string(dimensions) + " dimensions, expected 1 to 4", place);
  }
  std::uint64_t elements = 1;
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto size = take<std::uint64_t>();
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 4;
    if (size == 0 || size > kMost / elements) {
      fail("found a dimension of " + std::to_string(size), place);
    }
    elements *= size;
    entry.shape.push_back(static_cast<std::int64_t>(size));
  }
  std::ranges::reverse(entry.shape);
  const auto number = take<std::uint32_t>();
  const auto type = gguf_type(number);
  if (!type) {
    throw input_error("found the type " + gguf_type_name(number) +
                          ", expected F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q2_K to Q6_K",
                      where_ + ": " + place,
                      "get the model in one of these types, for example Q8_0 or Q4_K_M");
  }
  entry.type = *type;
  const QuantizedBlock block = block_of(*type);
  if (entry.shape.back() % block.numbers != 0) {
    fail("found rows of " + std::to_string(entry.shape.back()) +
             " numbers, expected a multiple of " + std::to_string(block.numbers) + " for " +
             gguf_type_name(*type),
         place);
  }
  const std::uint64_t bytes = elements / static_cast<std::uint64_t>(block.numbers) *
                              static_cast<std::uint64_t>(block.bytes);
  const auto offset = take<std::uint64_t>();
  if (offset > file_.size() || bytes > file_.size() - offset) {
    fail("its data ends beyond the end of the file", place);
  }
  entry.begin = offset;
  entry.end = offset + bytes;
  return entry;
}

/// Makes offsets places in the file, and checks them.
void GgufReader::place_tensors(GgufHeader& header) {
  std::uint64_t alignment = kDefaultAlignment;
  if (const auto given = header.metadata.find("general.alignment");
      given != header.metadata.end()) {
    const auto* const number = std::get_if<std::uint64_t>(&given->second.value);
    if (number == nullptr || *number == 0 || *number % 8 != 0 || *number > kMostAlignment) {
      fail("expected a multiple of 8, up to " + std::to_string(kMostAlignment),
           "key \"general.alignment\"");
    }
    alignment = *number;
  }
  const std::size_t step = alignment;
  const std::size_t start = (at_ + step - 1) / step * step;
  std::vector<std::tuple<std::size_t, std::size_t, const std::string*>> ranges;
  for (auto& [name, entry] : header.tensors) {
    const std::string place = "tensor " + in_quotes(name);
    if (entry.begin % step != 0) {
      fail("its data is at offset " + std::to_string(entry.begin) + ", expected a multiple of " +
               std::to_string(alignment),
           place);
    }
    if (start > file_.size() || entry.end > file_.size() - start) {
      fail("its data ends beyond the end of the file", place);
    }
    entry.begin += start;
    entry.end += start;
    ranges.emplace_back(entry.begin, entry.end, &name);
  }
  std::ranges::sort(ranges);
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (std::get<0>(ranges[i]) < std::get<1>(ranges[i - 1])) {
      fail("its data overlaps that of " + in_quotes(*std::get<2>(ranges[i - 1])),
           "tensor " + in_quotes(*std::get<2>(ranges[i])));
    }
  }
}

GgufHeader GgufReader::read() {
  read_start();
  constexpr std::size_t kLeastTensor = 8 + 4 + 8 + 4 + 8, kLeastKey = 8 + 1 + 4 + 1;
  const std::uint64_t tensors = count("tensors", kLeastTensor);
  const std::uint64_t keys = count("metadata keys", kLeastKey);
  GgufHeader header;
  read_metadata(keys, header);
  for (std::uint64_t i = 0; i < tensors; ++i) {
    const std::string_view name = text();
    if (name.empty() || find_invalid_utf8(name) != std::string::npos) {
      fail("found a tensor's name that is empty or not UTF-8");
    }
    const std::string place = "tensor " + in_quotes(name);
    if (!header.tensors.emplace(std::string(name), tensor(place)).second) {
      fail("the tensor occurs twice", place);
    }
  }
  place_tensors(header);
  return header;
}

}  // namespace

GgufHeader parse_gguf_header(std::span<const std::byte> file, const std::string& where) {
  return GgufReader(file, where).read();
}

}  // namespace expandft
