#include "runtime/rank_group.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "runtime/rank_threads.h"

namespace expandft {
namespace {

using testing::as_ranks;
using testing::error_of;
using testing::has;

TEST_CASE("a group of one leaves everything as it is") {
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
}

TEST_CASE("ranks add up, share and tell") {
  const auto results = as_ranks(3, [](const RankGroup& group) {
    const auto filled = [&](double number) { return at::full({5}, number, at::kFloat); };
    const at::Tensor sum = filled(group.rank() + 1), at_one = filled(group.rank() + 1),
                     of_two = filled(group.rank());
    group.sum(sum);
    group.start_sum_at(1, at_one)();
    group.share(of_two, 2);
    const auto texts = group.texts(std::string(static_cast<std::size_t>(group.rank()), 'x'));
    CHECK(sum.equal(filled(6)));
    if (group.rank() == 1) CHECK(at_one.equal(filled(6)));
    CHECK(of_two.equal(filled(2)));
    CHECK(texts == std::vector<std::string>{"", "x", "xx"});
    return group.text_of_first("from " + std::to_string(group.rank()));
  });
  CHECK(results == std::vector<std::string>(3, "from 0"));
}

TEST_CASE("a rank that leaves is named by those that stay") {
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
  auto other = std::async(std::launch::async, [&] { join(1); });  // and it is gone again
  const auto group = join(0);
  other.get();
  const Error error = error_of([&] { group->sum(at::zeros({1})); });
  CHECK(error.code() == ExitCode::kFailed);
  CHECK(has(error.message(), "rank 1 ("));
  CHECK(has(error.message(), "is gone"));
}

TEST_CASE("a rank that nobody meets gives up, and says where it waited") {
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
