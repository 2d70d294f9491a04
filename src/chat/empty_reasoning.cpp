#include "chat/empty_reasoning.h"

#include <algorithm>
#include <array>
#include <utility>

namespace expandft {
namespace {

/// Around reasoning, in the templates of Qwen, DeepSeek, GLM, SmolLM and others; Seed; Mistral.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kMarks = {
    {{"<think>", "</think>"}, {"<seed:think>", "</seed:think>"}, {"[THINK]", "[/THINK]"}}};
constexpr std::string_view kSpace = " \t\r\n";

std::size_t space_at(std::string_view text) {
  return std::min(text.find_first_not_of(kSpace), text.size());
}

std::string_view without_trailing_space(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

}  // namespace

std::size_t leading_empty_reasoning(std::string_view text, std::string_view before) {
  for (const auto& [open, close] : kMarks) {
    std::size_t at = space_at(text);
    if (text.substr(at).starts_with(open)) {
      at += open.size();
      at += space_at(text.substr(at));
    } else if (!without_trailing_space(before).ends_with(open)) {
      continue;
    }
    if (!text.substr(at).starts_with(close)) continue;
    at += close.size();
    return at + space_at(text.substr(at));
  }
  return 0;
}

std::size_t trailing_empty_reasoning(std::string_view text) {
  for (const auto& [open, close] : kMarks) {
    std::string_view rest = without_trailing_space(text);
    if (rest.ends_with(close)) {
      rest = without_trailing_space(rest.substr(0, rest.size() - close.size()));
    }
    if (!rest.ends_with(open)) continue;
    return text.size() - (rest.size() - open.size());
  }
  return 0;
}

bool ends_reasoning(std::string_view text) {
  return std::ranges::any_of(
      kMarks, [&](const auto& marks) { return text.find(marks.second) != text.npos; });
}

}  // namespace expandft
