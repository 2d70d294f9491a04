#include "gguf/gguf_file.h"

#include "base/error.h"
#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace expandft {
namespace {

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
      throw input_error("the tensor " + json_excerpt(Json(name)) + " is in another part too",
                        file.string(), "get all parts of one model");
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
  return input_error(what, path_.string() + ": key " + json_excerpt(Json(key)),
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

const GgufTexts* GgufFile::texts(const std::string& key) const {
  return array_of<GgufTexts>(*this, key, "an array of texts");
}

const GgufNumbers* GgufFile::numbers(const std::string& key) const {
  return array_of<GgufNumbers>(*this, key, "an array of numbers");
}

std::map<std::string, std::int64_t> GgufFile::numbers_by_type() const {
  std::map<std::string, std::int64_t> numbers;
  for (const auto& [name, tensor] : tensors_) {
    numbers[gguf_type_name(tensor.type)] += tensor.elements();
  }
  return numbers;
}

}  // namespace expandft
