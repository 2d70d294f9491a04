#include "metrics/answer_matching.h"

#include "base/error.h"
#include "base/python_text.h"
#include "base/unicode.h"

#include <algorithm>

namespace expandft {
namespace {

constexpr std::string_view kNoMatch = "[invalid]";

std::string_view part(std::string_view text, const Match& match) {
  return text.substr(match.begin, match.end - match.begin);
}

// What re.findall returns for a match; of several groups the first non-empty one.
std::string_view caught(std::string_view text, const GroupedMatch& found) {
  if (found.groups.empty()) return part(text, found.match);
  for (const std::optional<Match>& group : found.groups) {
    if (group && group->begin != group->end) return part(text, *group);
  }
  return found.groups.size() == 1 ? std::string_view() : kNoMatch;
}

std::string without_matches(const std::string& text, const RegularExpression& pattern) {
  std::string kept;
  std::size_t plain = 0;
  for (const Match& match : pattern.find_all(text)) {
    kept.append(text, plain, match.begin - plain);
    plain = match.end;
  }
  return kept.append(text, plain);
}

// Both are case-folded. No letter or digit may follow the answer.
bool begins_with_answer(std::string_view text, std::string_view answer) {
  return text.starts_with(answer) && !starts_with_word_character(text.substr(answer.size()));
}

}  // namespace

AnswerMatcher::AnswerMatcher(const MetricConfig& metric, const std::string& where)
    : contains_(metric.metric == "contains"),
      last_(metric.last),
      ignore_case_(metric.ignore_case),
      ignore_punctuation_(metric.ignore_punctuation) {
  if (!contains_ && metric.metric != "exact_match") {
    throw input_error("metric \"" + metric.metric +
                          "\" does not compare answers, expected exact_match or contains",
                      where);
  }
  if (metric.extract) {
    extract_.emplace(*metric.extract, where + ".extract", RegexSyntax::kPython);
  }
  for (std::size_t i = 0; i < metric.ignore.size(); ++i) {
    ignore_.emplace_back(metric.ignore[i], where + ".ignore[" + std::to_string(i) + "]",
                         RegexSyntax::kPython);
  }
}

std::string AnswerMatcher::extracted(std::string_view written) const {
  if (!extract_) return std::string(written);
  const std::vector<GroupedMatch> found = extract_->find_all_groups(written);
  if (found.empty()) return std::string(kNoMatch);
  return std::string(python_strip(caught(written, last_ ? found.back() : found.front())));
}

std::string AnswerMatcher::prediction(std::string_view written) const {
  return target(extracted(written));
}

std::string AnswerMatcher::target(std::string_view reference) const {
  std::string text(reference);
  for (const RegularExpression& pattern : ignore_) text = without_matches(text, pattern);
  if (ignore_case_) text = python_lower(text);
  if (ignore_punctuation_) {
    std::erase_if(text, [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte < 0x80 && is_punctuation(byte);
    });
  }
  return text;
}

bool AnswerMatcher::matches(std::string_view written,
                            const std::vector<std::string>& references) const {
  const std::string answer = prediction(written);
  const std::string folded = contains_ ? python_fold(answer) : std::string();
  return std::ranges::any_of(references, [&](const std::string& reference) {
    const std::string wanted = target(reference);
    return contains_ ? folded.find(python_fold(wanted)) != folded.npos : answer == wanted;
  });
}

std::optional<std::size_t> written_choice(std::string_view written,
                                          const std::vector<std::string>& answers) {
  const std::string text = python_fold(python_strip(written));
  std::string_view bare = text;
  if (bare.starts_with('(')) bare = python_strip(bare.substr(1));
  std::optional<std::size_t> choice;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string answer = python_fold(python_strip(answers[i]));
    if (answer.size() <= longest) continue;
    if (begins_with_answer(text, answer) || begins_with_answer(bare, answer)) {
      choice = i;
      longest = answer.size();
    }
  }
  return choice;
}

}  // namespace expandft
