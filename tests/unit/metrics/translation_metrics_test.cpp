// BLEU and chrF equal sacrebleu's (tests/golden/metrics/corpora.json).
#include "base/expect_error.h"
#include "catch.h"
#include "metric_golden.h"
#include "metrics/bleu.h"
#include "metrics/chrf.h"
#include "tasks/expect_failure.h"

#include <cmath>
#include <functional>

using namespace expandft;

namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

constexpr double kTolerance = 1e-6;

// Statistics of each sentence, and their sums.
template <typename Statistics>
std::pair<std::vector<Numbers>, Numbers> statistics_of(const Json& corpus, Statistics statistics) {
  std::vector<Numbers> rows;
  Numbers sums;
  for (std::size_t i = 0; i < corpus["hypotheses"].size(); ++i) {
    const auto row = statistics(corpus["hypotheses"][i].get<std::string>(),
                                corpus["references"][i].get<Texts>());
    rows.emplace_back(row.begin(), row.end());
    sums.resize(row.size());
    for (std::size_t k = 0; k < row.size(); ++k) sums[k] += row[k];
  }
  return {rows, sums};
}

}  // namespace

TEST_CASE("BLEU and its statistics equal sacrebleu's", "[bleu][golden]") {
  const Json corpora = metric_golden("corpora");
  REQUIRE(corpora.size() >= 14);
  for (const auto& item : corpora.items()) {
    INFO("corpus " << item.key());
    const Json& corpus = item.value();
    const auto [rows, sums] = statistics_of(corpus, bleu_statistics);
    REQUIRE(rows.size() == corpus["bleu_statistics"].size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      INFO("sentence " << i);
      CHECK(tokenize_13a(corpus["hypotheses"][i].get<std::string>()) ==
            corpus["tokens"][i].get<Texts>());
      Numbers wanted = corpus["bleu_statistics"][i].get<Numbers>();  // theirs begin with lengths
      std::rotate(wanted.begin(), wanted.begin() + 2, wanted.end());
      CHECK(rows[i] == wanted);
    }
    CHECK(std::abs(bleu_score(sums) - corpus["bleu"].get<double>()) < kTolerance);
  }
}

TEST_CASE("chrF and its statistics equal sacrebleu's", "[chrf][golden]") {
  const Json corpora = metric_golden("corpora");
  REQUIRE(corpora.size() >= 14);
  for (const auto& item : corpora.items()) {
    INFO("corpus " << item.key());
    const Json& corpus = item.value();
    const auto [rows, sums] = statistics_of(corpus, chrf_statistics);
    REQUIRE(rows.size() == corpus["chrf_statistics"].size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      INFO("sentence " << i);
      CHECK(rows[i] == corpus["chrf_statistics"][i].get<Numbers>());
    }
    CHECK(std::abs(chrf_score(sums) - corpus["chrf"].get<double>()) < kTolerance);
  }
}

TEST_CASE("BLEU and chrF have their bounds", "[bleu][chrf]") {
  const std::string text = "A sentence of some length, equal to itself.";
  CHECK(bleu_score(bleu_statistics(text, {text})) == Approx(100));
  CHECK(chrf_score(chrf_statistics(text, {text})) == Approx(100));
  CHECK(bleu_score(BleuStatistics{}) == 0);
  CHECK(chrf_score(ChrfStatistics{}) == 0);
}

TEST_CASE("BLEU and chrF refuse input that they cannot score", "[bleu][chrf]") {
  expect_input_error([] { bleu_statistics("a", {}); }, {"BLEU needs at least one reference"});
  expect_input_error([] { chrf_statistics("a", {}); }, {"chrF needs at least one reference"});
  expect_failure([] { bleu_score(Numbers(9)); }, "BLEU has 10 statistics, found 9");
  expect_failure([] { chrf_score(Numbers(10)); }, "chrF has 18 statistics, found 10");
}
