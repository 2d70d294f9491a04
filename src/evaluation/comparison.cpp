#include "evaluation/comparison.h"

#include "base/error.h"
#include "report/human.h"

#include <charconv>
#include <cmath>
#include <iterator>
#include <system_error>
#include <utility>

namespace expandft {
namespace {

constexpr double kSignificant = 2.0;  // standard errors: about 95 % confidence

/// Input error unless both results are of the same blocks of the same text.
void check_pairing(const TaskResult& base, const TaskResult& tuned) {
  bool paired = base.task.name == tuned.task.name && base.bytes == tuned.bytes &&
                base.blocks.size() == tuned.blocks.size();
  for (std::size_t i = 0; paired && i < base.blocks.size(); ++i) {
    paired = base.blocks[i].tokens == tuned.blocks[i].tokens;
  }
  if (paired) return;
  throw input_error("the two models cut the text of task " + base.task.name +
                        " into different tokens; they cannot be compared",
                    base.task.data.string(), "base and tuned model need the same tokenizer");
}

/// Standard error of R = Σd/Σn, a ratio estimator: √(m/(m−1) · Σ(dᵢ − R·nᵢ)²) / Σn over m blocks
/// (Cochran, Sampling Techniques, 3rd edition, section 6.4, without finite-population correction).
std::optional<double> paired_standard_error(const TaskResult& base, const TaskResult& tuned,
                                            double ratio) {
  const auto m = static_cast<double>(base.blocks.size());
  if (base.blocks.size() < 2) return {};
  double squares = 0;
  for (std::size_t i = 0; i < base.blocks.size(); ++i) {
    const double d = base.blocks[i].log_prob - tuned.blocks[i].log_prob;
    const double rest = d - ratio * static_cast<double>(base.blocks[i].tokens);
    squares += rest * rest;
  }
  return std::sqrt(m / (m - 1) * squares) / static_cast<double>(base.tokens);
}

Verdict judge(const Comparison& c, const std::optional<DropBudget>& budget) {
  if (budget) {
    const double drop =
        budget->relative ? 100 * c.relative_change : c.tuned_perplexity - c.base_perplexity;
    // Negated, so that what is no number counts as over.
    return drop <= budget->amount ? Verdict::kWithinBudget : Verdict::kOverBudget;
  }
  if (!c.standard_error || std::abs(c.difference) <= kSignificant * *c.standard_error) {
    return Verdict::kSame;
  }
  return c.difference < 0 ? Verdict::kBetter : Verdict::kWorse;
}

}  // namespace

Comparison compare(const TaskResult& base, const TaskResult& tuned,
                   const std::optional<DropBudget>& budget) {
  check_pairing(base, tuned);
  Comparison c{.task = base.task.name,
               .type = base.task.type,
               .tokens = base.tokens,
               .blocks = std::ssize(base.blocks),
               .base_loss = base.loss(),
               .tuned_loss = tuned.loss(),
               .difference = tuned.loss() - base.loss(),
               .base_perplexity = base.perplexity(),
               .tuned_perplexity = tuned.perplexity(),
               .base_bits_per_byte = base.bits_per_byte(),
               .tuned_bits_per_byte = tuned.bits_per_byte()};
  c.relative_change = std::expm1(c.difference);
  c.standard_error = paired_standard_error(base, tuned, c.difference);
  c.verdict = judge(c, budget);
  return c;
}

DropBudget parse_budget(const std::string& text, const std::string& where) {
  DropBudget budget{.relative = text.ends_with('%')};
  const char* const end = text.data() + text.size() - (budget.relative ? 1 : 0);
  const auto [last, error] = std::from_chars(text.data(), end, budget.amount);
  if (error != std::errc() || last != end || !std::isfinite(budget.amount) || budget.amount < 0) {
    throw input_error("\"" + text +
                          "\" is no budget; expected \"1%\" (of the base's value) or a "
                          "number from 0 (in the metric's unit)",
                      where);
  }
  return budget;
}

std::string budget_text(const DropBudget& budget) {
  char text[40];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), budget.amount);
  return std::string(text, error == std::errc() ? end : text) + (budget.relative ? "%" : "");
}

std::string verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWithinBudget:
      return "within budget";
    case Verdict::kOverBudget:
      return "over budget";
    case Verdict::kSame:
      return "same";
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
  }
  return {};
}

std::optional<Error> budget_error(const std::vector<Comparison>& originals,
                                  const std::optional<DropBudget>& budget) {
  std::string tasks;
  for (const Comparison& c : originals) {
    if (c.verdict != Verdict::kOverBudget) continue;
    tasks += (tasks.empty() ? "" : "; ") + c.task + " (perplexity " + fixed(c.base_perplexity, 3) +
             " to " + fixed(c.tuned_perplexity, 3) + ", " +
             signed_fixed(100 * c.relative_change, 2) + "%)";
  }
  if (tasks.empty() || !budget) return {};
  return Error(
      ExitCode::kDropped,
      "original tasks dropped past the budget of " + budget_text(*budget) + ": " + tasks, "",
      "merge at a lower strength (expandft merge --strength), or train with a lower learning rate");
}

}  // namespace expandft
