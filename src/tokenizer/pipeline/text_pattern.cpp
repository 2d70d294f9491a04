#include "tokenizer/pipeline/text_pattern.h"

namespace expandft {

TextPattern TextPattern::read(const JsonNode& node) {
  const auto text = node.find("String");
  const auto pattern = node.find("Regex");
  if (text.has_value() == pattern.has_value()) {
    node.wrong("{\"String\": …} or {\"Regex\": …}");
  }
  const JsonNode& given = text ? *text : *pattern;
  if (given.text().empty()) given.wrong("a pattern that is not empty");
  return text ? literal(text->text()) : regex(pattern->text(), pattern->where());
}

TextPattern TextPattern::literal(std::string text) {
  TextPattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

TextPattern TextPattern::regex(const std::string& pattern, const std::string& where) {
  TextPattern made;
  made.literal_ = pattern;
  made.regex_ = std::make_shared<const RegularExpression>(pattern, where);
  return made;
}

std::vector<Match> TextPattern::find_all(std::string_view text) const {
  if (text.empty()) return {};  // the tokenizers package finds nothing there, not even ""
  if (regex_ != nullptr) return regex_->find_all(text);
  std::vector<Match> matches;
  for (std::size_t at = text.find(literal_); at != text.npos;) {
    matches.push_back({at, at + literal_.size()});
    at = text.find(literal_, at + literal_.size());
  }
  return matches;
}

std::string TextPattern::replace(std::string_view text, std::string_view content) const {
  std::string replaced;
  std::size_t plain = 0;
  for (const Match& match : find_all(text)) {
    replaced.append(text.substr(plain, match.begin - plain)).append(content);
    plain = match.end;
  }
  return replaced.append(text.substr(plain));
}

}  // namespace expandft
