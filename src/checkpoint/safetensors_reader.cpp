#include "base/error.h"
#include "base/json.h"
#include "checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

namespace expandft {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the reference implementation's limit
constexpr const char* kDownloadTheFile =
    "the file is damaged or incomplete: download the file again";
constexpr const char* kNotSafetensors =
    "check that this is a safetensors file, and download the file again";

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> header_of(std::span<const std::byte> file, const std::string& where) {
  if (text_of(file).starts_with("version https://git-lfs")) {
    throw input_error("found a Git LFS pointer, expected the file itself", where,
                      "run \"git lfs pull\" in its repository");
  }
  if (file.size() < kLengthBytes) {
    throw input_error(
        "found " + std::to_string(file.size()) +
            " bytes, expected at least 8: a safetensors file starts with the length of "
            "its header",
        where, kDownloadTheFile);
  }
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
  }
  if (length > kMaxHeaderBytes) {
    throw input_error("found a header of " + std::to_string(length) + " bytes, expected at most " +
                          std::to_string(kMaxHeaderBytes),
                      where, kNotSafetensors);
  }
  if (length > file.size() - kLengthBytes) {
    throw input_error("found a header of " + std::to_string(length) + " bytes in a file of " +
                          std::to_string(file.size()) + ", expected it to end inside the file",
                      where, kDownloadTheFile);
  }
  const auto header = file.subspan(kLengthBytes, length);
  if (!text_of(header).starts_with('{')) {
    throw input_error("found no \"{\" at byte 8, expected a JSON object as the header", where,
                      kNotSafetensors);
  }
  return header;
}

/// Parses and checks the description of one tensor.
class EntryParser {
 public:
  EntryParser(const Json& value, std::string where, std::size_t data_start, std::size_t data_bytes)
      : value_(value), where_(std::move(where)), data_start_(data_start), data_bytes_(data_bytes) {}

  SafetensorsHeader::Entry parse() const {
    if (!value_.is_object()) fail("found " + json_excerpt(value_) + ", expected an object");
    SafetensorsHeader::Entry entry;
    entry.dtype = dtype();
    entry.shape = shape();
    std::tie(entry.begin, entry.end) = offsets();
    const auto expected = byte_size(entry.dtype, entry.shape);
    if (!expected)
      fail("found the shape " + json_excerpt(field("shape")) + ", whose size overflows");
    if (entry.end - entry.begin != *expected) {
      fail("found " + std::to_string(entry.end - entry.begin) + " bytes, expected " +
           std::to_string(*expected) + " for " + std::string(safetensors_name(entry.dtype)) + " " +
           json_excerpt(field("shape")));
    }
    return entry;
  }

 private:
  [[noreturn]] void fail(std::string what) const {
    throw input_error(std::move(what), where_, kDownloadTheFile);
  }

  const Json& field(const char* name) const {
    const auto found = value_.find(name);
    if (found == value_.end())
      fail("no \"" + std::string(name) + "\", expected dtype, shape and data_offsets");
    return *found;
  }

  Dtype dtype() const {
    const Json& value = field("dtype");
    const auto known = value.is_string()
                           ? dtype_from_safetensors(value.get_ref<const std::string&>())
                           : std::nullopt;
    if (!known) {
      fail("found the dtype " + json_excerpt(value) +
           ", expected one of F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, "
           "F8_E4M3, F8_E5M2");
    }
    return *known;
  }

  Shape shape() const {
    const Json& value = field("shape");
    if (!value.is_array()) fail("found the shape " + json_excerpt(value) + ", expected an array");
    Shape shape;
    for (const Json& size : value) {
      const auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      if (!size.is_number_unsigned() || size.get<std::uint64_t>() > limit) {
        fail("found " + json_excerpt(size) + " in the shape, expected integers of at least 0");
      }
      shape.push_back(size.get<std::int64_t>());
    }
    return shape;
  }

  std::pair<std::size_t, std::size_t> offsets() const {
    const Json& value = field("data_offsets");
    const bool is_pair = value.is_array() && value.size() == 2 && value[0].is_number_unsigned() &&
                         value[1].is_number_unsigned();
    if (!is_pair)
      fail("found the data_offsets " + json_excerpt(value) +
           ", expected two integers of at least 0");
    const auto begin = value[0].get<std::uint64_t>(), end = value[1].get<std::uint64_t>();
    if (begin > end)
      fail("found the data_offsets " + json_excerpt(value) + ", expected them in order");
    if (end > data_bytes_) {
      fail("the data ends at byte " + std::to_string(end) +
           " of the data section, but the file holds " + std::to_string(data_bytes_) +
           " bytes of data");
    }
    return {data_start_ + begin, data_start_ + end};
  }

  const Json& value_;
  std::string where_;
  std::size_t data_start_, data_bytes_;
};

std::map<std::string, std::string> parse_metadata(const Json& value, const std::string& where) {
  if (!value.is_object()) {
    throw input_error("found " + json_excerpt(value) + ", expected an object of strings", where,
                      kDownloadTheFile);
  }
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      throw input_error(
          "found " + json_excerpt(text) + " for " + json_excerpt(key) + ", expected a string",
          where, kDownloadTheFile);
    }
    metadata.emplace(key, text.get_ref<const std::string&>());
  }
  return metadata;
}

/// Checks that the tensors cover the data section completely and without overlap.
void check_cover(const SafetensorsHeader& header, std::size_t data_start, std::size_t file_bytes,
                 const std::string& where) {
  std::vector<std::tuple<std::size_t, std::size_t, const std::string*>> ranges;
  for (const auto& [name, entry] : header.tensors)
    ranges.emplace_back(entry.begin, entry.end, &name);
  std::ranges::sort(ranges, {}, [](const auto& range) {
    return std::pair(std::get<0>(range), std::get<1>(range));
  });
  std::size_t covered = data_start;
  for (const auto& [begin, end, name] : ranges) {
    if (begin != covered) {
      throw input_error(
          (begin < covered ? "the data overlaps the tensor before it: it starts at byte "
                           : "there is a hole before the data: it starts at byte ") +
              std::to_string(begin) + " of the file, expected " + std::to_string(covered),
          where + ": tensor " + json_excerpt(*name), kDownloadTheFile);
    }
    covered = end;
  }
  if (covered != file_bytes) {
    throw input_error("found " + std::to_string(file_bytes - covered) +
                          " bytes after the last tensor, "
                          "expected the file to end at byte " +
                          std::to_string(covered),
                      where, kDownloadTheFile);
  }
}

}  // namespace

std::optional<std::uint64_t> byte_size(Dtype dtype, const Shape& shape) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t bytes = size_of(dtype);
  bool is_empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      is_empty = true;  // but check the other dimensions, which determine strides
      continue;
    }
    if (bytes > kMax / static_cast<std::uint64_t>(size)) return std::nullopt;
    bytes *= static_cast<std::uint64_t>(size);
  }
  return is_empty ? 0 : bytes;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file,
                                           const std::string& where) {
  const auto bytes = header_of(file, where);
  const std::size_t data_start = kLengthBytes + bytes.size();
  const Json json = parse_json(text_of(bytes), where + ": header");
  SafetensorsHeader header;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      header.metadata = parse_metadata(value, where + ": __metadata__");
    } else {
      const EntryParser parser(value, where + ": tensor " + json_excerpt(name), data_start,
                               file.size() - data_start);
      header.tensors.emplace(name, parser.parse());
    }
  }
  check_cover(header, data_start, file.size(), where);
  return header;
}

void TensorView::release() const {
  if (file) file->release(bytes);
}

SafetensorsFile SafetensorsFile::open(const fs::path& file) {
  const auto mapped = MappedFile::open(file);
  SafetensorsHeader header = parse_safetensors_header(mapped->bytes(), file.string());
  SafetensorsFile result;
  result.metadata_ = std::move(header.metadata);
  for (auto& [name, entry] : header.tensors) {
    result.tensors_.emplace(
        name, TensorView{entry.dtype, std::move(entry.shape),
                         mapped->bytes().subspan(entry.begin, entry.end - entry.begin), mapped});
  }
  return result;
}

}  // namespace expandft
