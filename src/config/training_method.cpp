#include "config/training_method.h"

#include <charconv>
#include <utility>

namespace expandft {
namespace {

constexpr std::pair<const char*, Method> kNames[] = {{"new", Method::kNew},
                                                     {"mlp", Method::kMlp},
                                                     {"zero-init", Method::kZeroInit},
                                                     {"llama-pro", Method::kLlamaPro},
                                                     {"lora", Method::kLora},
                                                     {"full", Method::kFull}};
constexpr const char* kLastPrefix = "last:";

}  // namespace

std::optional<TrainingMethod> parse_method(const std::string& text) {
  for (const auto& [name, method] : kNames) {
    if (text == name) return TrainingMethod{method};
  }
  if (!text.starts_with(kLastPrefix)) return {};
  const char* const begin = text.data() + std::char_traits<char>::length(kLastPrefix);
  const char* const end = text.data() + text.size();
  TrainingMethod last{Method::kLast};
  const auto [stop, error] = std::from_chars(begin, end, last.last_layers);
  if (error != std::errc() || stop != end || last.last_layers < 1) return {};
  return last;
}

std::string method_text(const TrainingMethod& method) {
  for (const auto& [name, value] : kNames) {
    if (method.kind == value) return name;
  }
  return kLastPrefix + std::to_string(method.last_layers);
}

}  // namespace expandft
