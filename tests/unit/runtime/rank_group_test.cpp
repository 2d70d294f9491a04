#include "runtime/rank_group.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "runtime/rank_threads.h"

namespace expandft {
namespace {

using testing::as_ranks;
using testing::error_of;
using testing::has;

TEST_CASE("a group of one changes nothing") {
  const RankGroup& group = RankGroup::alone();
  CHECK(group.is_alone());
  CHECK(group.is_first());
  const at::Tensor numbers = at::arange(4, at::kFloat);
  group.sum(numbers);
  group.share(numbers, 0);
  group.start_sum_at(0, numbers)();
  CHECK(numbers.equal(at::arange(4, at::kFloat)));
  CHECK(group.texts("a") == std::vector<std::string>{"a"});
  CHECK(group.text_of_first("a") == "a");
  CHECK(group.answer_of_first(true));
  CHECK_FALSE(group.answer_of_first(false));
}

TEST_CASE("ranks can sum, gather, share and exchange texts") {
  struct Result {
    at::Tensor sum, at_one, of_two, all;
    std::vector<std::string> texts;
    std::string first;
    bool only_first_says_yes = false, only_others_say_yes = true;
  };
  const auto filled = [](std::int64_t size, double number) {
    return at::full({size}, number, at::kFloat);
  };
  const auto results = as_ranks(3, [&](const RankGroup& group) {
    const int rank = group.rank();
    Result out{.sum = filled(5, rank + 1),
               .at_one = filled(5, rank + 1),
               .of_two = filled(5, rank),
               .all = filled(6, -1)};
    group.sum(out.sum);
    const auto sum_is_there = group.start_sum_at(1, out.at_one);
    group.start_gather(filled(2, rank), out.all)();
    sum_is_there();
    group.share(out.of_two, 2);
    out.texts = group.texts(std::string(static_cast<std::size_t>(rank), 'x'));
    out.first = group.text_of_first("from " + std::to_string(rank));
    out.only_first_says_yes = group.answer_of_first(rank == 0);
    out.only_others_say_yes = group.answer_of_first(rank != 0);
    return out;
  });
  for (const Result& found : results) {
    CHECK(found.sum.equal(filled(5, 6)));
    CHECK(found.of_two.equal(filled(5, 2)));
    CHECK(found.all.equal(at::cat({filled(2, 0), filled(2, 1), filled(2, 2)})));
    CHECK(found.texts == std::vector<std::string>{"", "x", "xx"});
    CHECK(found.first == "from 0");
    CHECK(found.only_first_says_yes);
    CHECK_FALSE(found.only_others_say_yes);
  }
  CHECK(results[1].at_one.equal(filled(5, 6)));
}

TEST_CASE("a rank that ends is named by the others") {
  const std::uint16_t port = testing::free_port();
  const auto join = [&](int rank) {
    return std::make_unique<RankGroup>(RankEnvironment{.rank = rank,
                                                       .count = 2,
                                                       .local_rank = rank,
                                                       .master_address = "127.0.0.1",
                                                       .master_port = port,
                                                       .attempt = "test"},
                                       at::kCPU, std::chrono::seconds(60));
  };
  auto other = std::async(std::launch::async, [&] { join(1); });  // and ends at once
  const auto group = join(0);
  other.get();
  const Error error = error_of([&] { group->sum(at::zeros({1})); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(has(error.message(), "rank 1 ("));
  CHECK(has(error.message(), "is gone"));
}

TEST_CASE("a rank that nobody joins gives up and says where it waited") {
  const Error error = error_of([] {
    RankGroup(
        {.rank = 0, .count = 2, .master_address = "127.0.0.1", .master_port = testing::free_port()},
        at::kCPU, std::chrono::seconds(1));
  });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(has(error.message(), "rank 0 of 2 cannot meet the others"));
  CHECK(has(error.where(), "127.0.0.1:"));
}

}  // namespace
}  // namespace expandft
