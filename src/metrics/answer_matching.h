#pragma once

#include "config/task_config.h"
#include "tokenizer/pipeline/regular_expression.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Compares what a model wrote with correct texts, as lm-evaluation-harness 0.4 does for
/// exact_match (its regex filter and the metric of that name) and for the `contains` of
/// squad_completion. Texts are well-formed UTF-8. Immutable, so threads may share it.
class AnswerMatcher {
 public:
  /// Input errors for a pattern that does not compile and for other metrics. `where` names the
  /// metric's place in the task file.
  AnswerMatcher(const MetricConfig& metric, const std::string& where);

  /// The part of `written` to compare: the first or last match of the metric's `extract` (its first
  /// non-empty group, if it has groups) without surrounding white space, or "[invalid]" without a
  /// match; all of `written` without `extract`. Then, as the metric ignores: matches of patterns
  /// removed, lower case, ASCII punctuation removed.
  std::string prediction(std::string_view written) const;
  /// A correct text, with the same parts ignored.
  std::string target(std::string_view reference) const;
  /// exact_match: the prediction equals a target. contains: it contains a target, ignoring case.
  /// Without references nothing matches.
  bool matches(std::string_view written, const std::vector<std::string>& references) const;

 private:
  std::string extracted(std::string_view written) const;

  bool contains_ = false, last_ = false, ignore_case_ = false, ignore_punctuation_ = false;
  std::optional<RegularExpression> extract_;
  std::vector<RegularExpression> ignore_;
};

/// Which of `answers` a model wrote: the one with which the text starts, ignoring case, surrounding
/// white space and an opening "(", if no letter or digit follows it. The longest if several, the
/// first of equal ones. Empty answers never match.
std::optional<std::size_t> written_choice(std::string_view written,
                                          const std::vector<std::string>& answers);

}  // namespace expandft
