#pragma once

#include "base/error.h"
#include "config/run_config.h"
#include "evaluation/perplexity.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// What is said of a tuned model on a task.
enum class Verdict {
  kWithinBudget,  // a budget is set, and kept
  kOverBudget,    // a budget is set, and exceeded
  kSame,          // no budget: the difference is within two standard errors
  kBetter,        // no budget: beyond two standard errors, either way
  kWorse,
};

/// A tuned model against its base on one task, over the same blocks. docs/evaluation.md has the
/// formulas.
struct Comparison {
  std::string task, type;
  std::int64_t tokens = 0, blocks = 0;
  double base_loss = 0, tuned_loss = 0;  // nats a token
  double difference = 0;                 // tuned - base
  std::optional<double>
      standard_error;  // of the difference, paired over blocks; none for one block
  double base_perplexity = 0, tuned_perplexity = 0;
  double relative_change = 0;  // of perplexity: 0.01 is a rise by 1%
  double base_bits_per_byte = 0, tuned_bits_per_byte = 0;
  Verdict verdict = Verdict::kSame;
};

/// Compares two results of the same task. The drop is the rise of perplexity: relative to the
/// base's, or absolute, as the budget says. Input error when the models cut the text into
/// different tokens.
Comparison compare(const TaskResult& base, const TaskResult& tuned,
                   const std::optional<DropBudget>& budget = {});

/// "1%" (of the base's value) or "0.05", as a config and the command line write it. Anything else
/// is an input error; `where` names the option.
DropBudget parse_budget(const std::string& text, const std::string& where);
std::string budget_text(const DropBudget& budget);
/// "within budget", "over budget", "same", "better", "worse".
std::string verdict_text(Verdict verdict);

/// An exit-code-3 error that names every task over the budget; none when all keep it.
std::optional<Error> budget_error(const std::vector<Comparison>& originals,
                                  const std::optional<DropBudget>& budget);

}  // namespace expandft
