#pragma once

#include "config/task_config.h"
#include "tokenizer/pipeline/regular_expression.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// Compares what a model wrote with texts that are right, as lm-evaluation-harness 0.4 does for
/// exact_match (its regex filter and the metric of that name) and for the `contains` of
/// squad_completion. Texts are well-formed UTF-8. Immutable: threads may share it.
class AnswerMatcher {
 public:
  /// A pattern that does not compile, or a metric that compares no answers, is an input error;
  /// `where` names the metric's place in the task file.
  AnswerMatcher(const MetricConfig& metric, const std::string& where);

  /// What of `written` is compared: the first or last match of the metric's `extract` (its first
  /// group that caught something, if it has groups), without white space around it; "[invalid]"
  /// when there is none. All of `written` without `extract`. Then as the metric ignores: matches of
  /// patterns removed, lower case, ASCII punctuation removed.
  std::string prediction(std::string_view written) const;
  /// A text that is right, as the metric ignores.
  std::string target(std::string_view reference) const;
  /// exact_match: the prediction is one of the targets. contains: one of them is in it, whatever
  /// the case. Without references nothing matches.
  bool matches(std::string_view written, const std::vector<std::string>& references) const;

 private:
  std::string extracted(std::string_view written) const;

  bool contains_ = false, last_ = false, ignore_case_ = false, ignore_punctuation_ = false;
  std::optional<RegularExpression> extract_;
  std::vector<RegularExpression> ignore_;
};

/// Which of `answers` a model wrote: the one that the text, without white space around it and with
/// or without an opening "(", is or begins with, whatever the case, so that no letter or digit
/// follows. The longest if several; the first of equal ones. Empty answers are passed over.
std::optional<std::size_t> written_choice(std::string_view written,
                                          const std::vector<std::string>& answers);

}  // namespace expandft
