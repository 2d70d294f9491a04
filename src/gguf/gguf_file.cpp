#include "gguf/gguf_file.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <type_traits>

namespace expandft {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF's data is little-endian");

constexpr const char* kDamaged = "the file is damaged or incomplete: download it again";
constexpr std::int64_t kDefaultAlignment = 32;

/// The types of metadata values; the numbers are those of the format.
enum class ValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};

std::string in_quotes(std::string_view text) {
  return json_excerpt(Json(std::string(text)));
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
    Number number{};
    std::memcpy(&number, file_.data() + at_, sizeof(Number));
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

  double number(ValueType type);
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

std::size_t least_bytes(ValueType type) {
  switch (type) {
    case ValueType::kUint8:
    case ValueType::kInt8:
    case ValueType::kBool:
      return 1;
    case ValueType::kUint16:
    case ValueType::kInt16:
      return 2;
    case ValueType::kUint32:
    case ValueType::kInt32:
    case ValueType::kFloat32:
      return 4;
    default:
      return 8;
  }
}

double GgufReader::number(ValueType type) {
  switch (type) {
    case ValueType::kUint8:
      return take<std::uint8_t>();
    case ValueType::kInt8:
      return take<std::int8_t>();
    case ValueType::kUint16:
      return take<std::uint16_t>();
    case ValueType::kInt16:
      return take<std::int16_t>();
    case ValueType::kUint32:
      return take<std::uint32_t>();
    case ValueType::kInt32:
      return take<std::int32_t>();
    case ValueType::kFloat32:
      return static_cast<double>(take<float>());
    case ValueType::kUint64:
      return static_cast<double>(take<std::uint64_t>());
    case ValueType::kInt64:
      return static_cast<double>(take<std::int64_t>());
    case ValueType::kFloat64:
      return take<double>();
    case ValueType::kBool:
      return take<std::uint8_t>() != 0 ? 1 : 0;
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  fail("found values of type " + std::to_string(static_cast<std::uint32_t>(type)) +
       ", expected numbers or texts");
}

GgufValue GgufReader::array(const std::string& key) {
  const auto type = static_cast<ValueType>(take<std::uint32_t>());
  if (type == ValueType::kArray || type > ValueType::kFloat64) {
    fail("found an array of type " + std::to_string(static_cast<std::uint32_t>(type)) +
             ", expected numbers, booleans or texts",
         "key " + in_quotes(key));
  }
  const std::uint64_t length = count("array elements", least_bytes(type));
  if (type == ValueType::kString) {
    GgufValue::Texts texts;
    texts.reserve(length);
    for (std::uint64_t i = 0; i < length; ++i) texts.push_back(text());
    return {std::move(texts)};
  }
  GgufValue::Numbers numbers;
  numbers.reserve(length);
  for (std::uint64_t i = 0; i < length; ++i) numbers.push_back(number(type));
  return {std::move(numbers)};
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
    case ValueType::kFloat64:
      return {number(type)};
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
    entry.shape.insert(entry.shape.begin(), static_cast<std::int64_t>(size));
  }
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
  std::int64_t alignment = kDefaultAlignment;
  if (const auto given = header.metadata.find("general.alignment");
      given != header.metadata.end()) {
    const auto* const number = std::get_if<std::uint64_t>(&given->second.value);
    if (number == nullptr || *number == 0 || *number % 8 != 0 || *number > 1 << 20) {
      fail("expected a multiple of 8", "key \"general.alignment\"");
    }
    alignment = static_cast<std::int64_t>(*number);
  }
  const auto step = static_cast<std::size_t>(alignment);
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

/// The part's number, from 1, and the number of parts in the name of a file, and what precedes
/// them: "model-00001-of-00003.gguf".
struct PartName {
  std::string stem;
  std::int64_t number = 0, count = 0;
};

std::optional<PartName> part_name(const fs::path& file) {
  constexpr std::size_t kDigits = 5, kTail = 2 * kDigits + 5;  // -00001-of-00003
  const std::string stem = file.stem().string();
  if (stem.size() <= kTail) return std::nullopt;
  const std::string tail = stem.substr(stem.size() - kTail);
  const auto digits = [&](std::size_t from) -> std::int64_t {
    std::int64_t number = 0;
    for (std::size_t i = from; i < from + kDigits; ++i) {
      if (tail[i] < '0' || tail[i] > '9') return 0;
      number = 10 * number + (tail[i] - '0');
    }
    return number;
  };
  const std::int64_t number = digits(1), count = digits(kDigits + 5);
  if (tail[0] != '-' || tail.substr(kDigits + 1, 4) != "-of-" || number == 0 || count == 0) {
    return std::nullopt;
  }
  return PartName{stem.substr(0, stem.size() - kTail), number, count};
}

std::string padded(std::int64_t number) {
  const std::string digits = std::to_string(number);
  return std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
}

template <typename Wanted>
std::optional<Wanted> value_of(const GgufFile& file, const std::string& key, const char* expected) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return std::nullopt;
  if (const auto* const value = std::get_if<Wanted>(&found->second.value)) return *value;
  throw file.error(key, std::string("expected ") + expected);
}

template <typename Array>
const Array* array_of(const GgufFile& file, const std::string& key, const char* expected) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return nullptr;
  const auto* const array = std::get_if<Array>(&found->second.value);
  if (array == nullptr) throw file.error(key, std::string("expected ") + expected);
  return array;
}

}  // namespace

std::int64_t GgufTensor::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return count;
}

GgufHeader parse_gguf_header(std::span<const std::byte> file, const std::string& where) {
  return GgufReader(file, where).read();
}

void GgufFile::add_part(const fs::path& file, bool is_first) {
  const auto mapped = MappedFile::open(file);
  GgufHeader header = parse_gguf_header(mapped->bytes(), file.string());
  for (auto& [name, entry] : header.tensors) {
    const bool is_new =
        tensors_
            .emplace(name, GgufTensor{entry.type, std::move(entry.shape),
                                      mapped->bytes().subspan(entry.begin, entry.end - entry.begin),
                                      mapped})
            .second;
    if (!is_new) {
      throw input_error("the tensor " + in_quotes(name) + " is in another part too", file.string(),
                        "get all parts of one model");
    }
  }
  if (is_first) metadata_ = std::move(header.metadata);
  files_.push_back(mapped);  // the texts of the metadata point into it
}

GgufFile GgufFile::open(const fs::path& file) {
  GgufFile gguf;
  gguf.path_ = file;
  const auto name = part_name(file);
  if (name && name->number != 1) {
    throw input_error("this is part " + std::to_string(name->number) + " of " +
                          std::to_string(name->count) + ", expected the first",
                      file.string(),
                      "give " + name->stem + "-00001-of-" + padded(name->count) + ".gguf");
  }
  gguf.add_part(file, true);
  const std::int64_t parts = gguf.integer("split.count").value_or(1);
  if (parts > 1 && (!name || name->count != parts)) {
    throw gguf.error("split.count", "found " + std::to_string(parts) +
                                        ", but the file's name does not end in -00001-of-" +
                                        padded(parts) + ".gguf");
  }
  for (std::int64_t i = 2; i <= parts; ++i) {
    const fs::path part =
        parent_of(file) / (name->stem + "-" + padded(i) + "-of-" + padded(parts) + ".gguf");
    if (!is_file(part)) {
      throw input_error(
          "part " + std::to_string(i) + " of " + std::to_string(parts) + " is missing",
          part.string(), "download it beside the first part");
    }
    gguf.add_part(part, false);
  }
  if (const auto expected = gguf.integer("split.tensors.count");
      expected && parts > 1 && *expected != std::ssize(gguf.tensors_)) {
    throw gguf.error("split.tensors.count", "found " + std::to_string(*expected) +
                                                ", but the parts hold " +
                                                std::to_string(gguf.tensors_.size()) + " tensors");
  }
  return gguf;
}

Error GgufFile::error(const std::string& key, const std::string& what) const {
  return input_error(what, path_.string() + ": key " + in_quotes(key),
                     "get the model from another source, or converted again");
}

std::optional<std::string> GgufFile::text(const std::string& key) const {
  const auto found = value_of<std::string_view>(*this, key, "a text");
  return found ? std::optional(std::string(*found)) : std::nullopt;
}

std::optional<std::int64_t> GgufFile::integer(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::nullopt;
  if (const auto* const number = std::get_if<std::int64_t>(&found->second.value)) return *number;
  const auto number = value_of<std::uint64_t>(*this, key, "an integer");
  if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw error(key, "found " + std::to_string(*number) + ", which is too large");
  }
  return static_cast<std::int64_t>(*number);
}

std::optional<double> GgufFile::number(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::nullopt;
  if (const auto* const number = std::get_if<double>(&found->second.value)) {
    if (!std::isfinite(*number)) throw error(key, "found a number that is not finite");
    return *number;
  }
  return static_cast<double>(*integer(key));
}

std::optional<bool> GgufFile::boolean(const std::string& key) const {
  return value_of<bool>(*this, key, "a boolean");
}

const GgufValue::Texts* GgufFile::texts(const std::string& key) const {
  return array_of<GgufValue::Texts>(*this, key, "an array of texts");
}

const GgufValue::Numbers* GgufFile::numbers(const std::string& key) const {
  return array_of<GgufValue::Numbers>(*this, key, "an array of numbers");
}

}  // namespace expandft
