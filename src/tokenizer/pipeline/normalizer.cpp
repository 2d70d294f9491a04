#include "tokenizer/pipeline/normalizer.h"

#include "base/error.h"
#include "base/unicode.h"
#include "tokenizer/pipeline/token.h"

#include <algorithm>

namespace expandft {
namespace {

constexpr std::size_t kMaxGrowth = 64;  // NFKD expands a byte to at most 11

}  // namespace

Normalizer Normalizer::read(const JsonNode& node) {
  Normalizer normalizer;
  normalizer.where_ = node.where();
  if (!node.is_null()) normalizer.add(node);
  return normalizer;
}

void Normalizer::add(const JsonNode& node) {
  const JsonNode type = node.at("type");
  const std::string& name = type.text();
  if (name == "Sequence") {
    for (const JsonNode& item : node.at("normalizers").items()) add(item);
  } else if (name == "NFC") {
    steps_.emplace_back(Form{UnicodeForm::kNfc});
  } else if (name == "NFD") {
    steps_.emplace_back(Form{UnicodeForm::kNfd});
  } else if (name == "NFKC") {
    steps_.emplace_back(Form{UnicodeForm::kNfkc});
  } else if (name == "NFKD") {
    steps_.emplace_back(Form{UnicodeForm::kNfkd});
  } else if (name == "Lowercase") {
    steps_.emplace_back(Lowercase{});
  } else if (name == "Prepend") {
    steps_.emplace_back(Prepend{node.at("prepend").text()});
  } else if (name == "Replace") {
    steps_.emplace_back(Replace{TextPattern::read(node.at("pattern")), node.at("content").text()});
  } else if (name == "Strip") {
    steps_.emplace_back(Strip{node.at("strip_left").flag(), node.at("strip_right").flag()});
  } else {
    type.unsupported("the normalizer \"" + name + "\"",
                     "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip, Sequence");
  }
}

std::string Normalizer::apply(std::string text, bool prefix) const {
  const std::size_t most = kMaxGrowth * (text.size() + 1024);
  for (const Step& step : steps_) {
    text = apply(step, std::move(text), prefix);
    if (text.size() <= most) continue;
    throw input_error("the tokenizer's normalizer makes a text more than " +
                          std::to_string(kMaxGrowth) + " times as long",
                      where_, "check its Replace and Prepend steps");
  }
  return text;
}

bool Normalizer::keeps_words_apart() const {
  return std::ranges::all_of(steps_, [](const Step& step) {
    if (std::holds_alternative<Strip>(step)) return false;
    const auto* replace = std::get_if<Replace>(&step);
    return replace == nullptr ||
           (replace->pattern.is_literal(" ") && replace->content == kSpaceMark);
  });
}

std::string Normalizer::apply(const Step& step, std::string text, bool prefix) {
  if (const auto* form = std::get_if<Form>(&step)) return normalize_unicode(text, form->form);
  if (std::holds_alternative<Lowercase>(step)) return to_lower_case(text);
  if (const auto* prepend = std::get_if<Prepend>(&step)) {
    return prefix && !text.empty() ? prepend->text + text : text;
  }
  if (const auto* replace = std::get_if<Replace>(&step)) {
    return replace->pattern.replace(text, replace->content);
  }
  const auto& strip = std::get<Strip>(step);
  if (strip.left) text.erase(0, leading_space(text));
  if (strip.right) text.erase(text.size() - trailing_space(text));
  return text;
}

}  // namespace expandft
