#include "tasks/changed_answers.h"

#include "catch.h"
#include "tasks/answer_results.h"

#include <cmath>

using namespace expandft;
using namespace expandft::testing;

using Places = std::vector<std::size_t>;

TEST_CASE("answers are lost, gained, or changed otherwise", "[tasks]") {
  const TaskResult base = choice_result({{-1, -2}, {-2, -1}, {-1, -2}, {-2, -1}});
  const ChangedAnswers changed =
      changed_answers(base, choice_result({{-3, -2}, {-1, -2}, {-1.5, -2}, {-2, -1}}));
  CHECK(changed.lost == Places{0});
  CHECK(changed.gained == Places{1});
  CHECK(changed.others.empty());
  CHECK(changed.count() == 2);
  CHECK(changed_answers(base, base).count() == 0);

  TaskResult wrong = base, other = base;  // from one wrong choice to none at all
  other.predictions[1] = -1;
  CHECK(changed_answers(wrong, other).others == Places{1});
}

TEST_CASE("a generated answer changes with its text", "[tasks]") {
  const ChangedAnswers changed =
      changed_answers(written_result({"a", "b", "c"}), written_result({"a", "B", ""}));
  CHECK(changed.others == Places{1, 2});
  CHECK(changed.count() == 2);
}

TEST_CASE("a continuation judged by its likelihood is right when it is greedy", "[tasks]") {
  TaskResult base = block_result({1, 1, 1});
  base.task.type = TaskType::kContinuation;
  TaskResult tuned = base;
  base.outputs[0].likelihoods[0].greedy = true;
  tuned.outputs[2].likelihoods[0].greedy = true;
  const ChangedAnswers changed = changed_answers(base, tuned);
  CHECK(changed.lost == Places{0});
  CHECK(changed.gained == Places{2});
  CHECK(changed.others.empty());
}

TEST_CASE("risen losses are sorted by their rise", "[tasks]") {
  const TaskResult base = block_result({1, 2, 3, 4, 5});
  const auto risen = risen_losses(base, block_result({1.1, 1.9, 3.5, NAN, 5}), 9);
  REQUIRE(risen.size() == 3);
  CHECK(risen[0].example == 3);  // NaN
  CHECK(risen[1].example == 2);
  CHECK(risen[1].base == Approx(3));
  CHECK(risen[1].tuned == Approx(3.5));
  CHECK(risen[1].tokens == 10);
  CHECK(risen[2].example == 0);
  CHECK(risen_losses(base, block_result({9, 9, 9, 9, 9}), 2).size() == 2);
  CHECK(risen_losses(base, base, 9).empty());
}

TEST_CASE("examples without tokens have no loss that could rise", "[tasks]") {
  TaskResult base = block_result({1});
  base.outputs[0].likelihoods.clear();
  CHECK(risen_losses(base, base, 9).empty());
}
