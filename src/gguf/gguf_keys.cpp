#include "gguf/gguf_keys.h"

#include "base/error.h"
#include "base/json.h"
#include "base/wording.h"

#include <array>
#include <charconv>
#include <cmath>

namespace expandft {
namespace {

constexpr std::int64_t kLargestSize = std::numeric_limits<std::int32_t>::max();

}  // namespace

double as_written(double value) {
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(narrow)) return value;
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.begin(), text.end(), narrow).ptr;
  double read = value;
  std::from_chars(text.begin(), end, read);
  return read;
}

std::string number_text(double value) {
  return Json(value).dump();
}

std::string GgufKeys::key(const std::string& name) {
  read_.insert(name);
  return architecture_ + "." + name;
}

std::int64_t GgufKeys::size(const std::string& name) {
  if (const auto found = optional_size(name)) return *found;
  throw input_error("no such key", file_.path().string() + ": key \"" + key(name) + "\"",
                    kDamagedGguf);
}

std::optional<std::int64_t> GgufKeys::optional_size(const std::string& name) {
  const auto found = file_.integer(key(name));
  if (found && (*found <= 0 || *found > kLargestSize)) {
    refuse(name,
           "found " + std::to_string(*found) + ", expected 1 to " + std::to_string(kLargestSize));
  }
  return found;
}

std::optional<double> GgufKeys::number(const std::string& name) {
  const auto found = file_.number(key(name));
  return found ? std::optional(as_written(*found)) : std::nullopt;
}

void GgufKeys::refuse(const std::string& name, const std::string& what) {
  throw file_.error(key(name), what);
}

std::optional<std::int64_t> GgufKeys::optional_size_of_layers(const std::string& name) {
  const auto found = file_.metadata().find(key(name));
  if (found == file_.metadata().end()) return std::nullopt;
  const auto* const list = std::get_if<GgufNumbers>(&found->second.value);
  if (list == nullptr) return optional_size(name);
  const std::int64_t layers = size("block_count");
  if (std::ssize(*list) != layers) {
    refuse(name, "found " + counted(std::ssize(*list), "value") + ", expected one for each of " +
                     counted(layers, "layer"));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const double value = (*list)[i];
    if (!(value > 0 && value <= static_cast<double>(kLargestSize)) || value != std::floor(value)) {
      refuse(name, "layer " + std::to_string(i) + " has " + number_text(value) +
                       ", expected an integer from 1 to " + std::to_string(kLargestSize));
    }
    if (value != (*list)[0]) {
      refuse(name, "layer " + std::to_string(i) + " has " + number_text(value) + " and layer 0 " +
                       number_text((*list)[0]) + ": layers that differ in it are not supported");
    }
  }
  return static_cast<std::int64_t>((*list)[0]);
}

std::int64_t GgufKeys::size_of_layers(const std::string& name) {
  const auto found = optional_size_of_layers(name);
  return found ? *found : size(name);  // which says that there is none
}

std::vector<std::string> GgufKeys::unread() const {
  std::vector<std::string> keys;
  const std::string prefix = architecture_ + ".";
  for (const auto& [full, value] : file_.metadata()) {
    if (full.starts_with(prefix) && !read_.contains(full.substr(prefix.size()))) {
      keys.push_back(full);
    }
  }
  return keys;
}

}  // namespace expandft
