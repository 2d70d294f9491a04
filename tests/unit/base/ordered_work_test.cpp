#include "base/ordered_work.h"

#include "base/error.h"
#include "catch.h"

#include <atomic>
#include <chrono>

using namespace expandft;

namespace {

/// Squares of 0 to count - 1; later pieces are done sooner.
std::vector<int> squares(int threads, int count) {
  std::vector<int> taken;
  OrderedWork<int> work(threads, [&](int result) { taken.push_back(result); });
  work.finish_after([&] {
    for (int i = 0; i < count; ++i) {
      work.add([i] {
        std::this_thread::sleep_for(std::chrono::microseconds(i % 5 == 0 ? 300 : 1));
        return i * i;
      });
    }
  });
  return taken;
}

}  // namespace

TEST_CASE("work on several threads gives its results in order", "[ordered_work]") {
  std::vector<int> expected;
  for (int i = 0; i < 300; ++i) expected.push_back(i * i);
  const int threads = GENERATE(0, 1, 2, 3, 8);
  CHECK(squares(threads, 300) == expected);
  CHECK(squares(threads, 1) == std::vector<int>{0});
  CHECK(squares(threads, 0).empty());
}

TEST_CASE("the number of unfinished pieces is bounded", "[ordered_work]") {
  std::atomic<int> begun = 0;
  int taken = 0, most = 0;
  OrderedWork<int> work(3, [&](int) { ++taken; });
  for (int i = 0; i < 500; ++i) {
    work.add([&] { return ++begun; });
    most = std::max(most, i + 1 - taken);
  }
  work.finish();
  CHECK(taken == 500);
  CHECK(most <= 8);
}

TEST_CASE("the first of several errors is thrown, and nothing after it is taken",
          "[ordered_work]") {
  const int threads = GENERATE(1, 2, 4);
  std::vector<int> taken;
  const auto run = [&] {
    OrderedWork<int> work(threads, [&](int result) { taken.push_back(result); });
    work.finish_after([&] {
      for (int i = 0; i < 100; ++i) {
        work.add([i] {
          if (i == 7) std::this_thread::sleep_for(std::chrono::milliseconds(2));
          if (i % 7 == 0 && i > 0) throw input_error("piece " + std::to_string(i));
          return i;
        });
      }
      throw input_error("the supply");  // comes after the pieces
    });
  };
  try {
    run();
    FAIL("expected an error");
  } catch (const Error& error) {
    CHECK(error.message() == "piece 7");
  }
  CHECK(taken == std::vector<int>{0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("an exception of the supply is thrown after the work before it", "[ordered_work]") {
  int taken = 0;
  OrderedWork<int> work(2, [&](int) { ++taken; });
  CHECK_THROWS_WITH(work.finish_after([&] {
    for (int i = 0; i < 5; ++i) work.add([i] { return i; });
    throw input_error("the supply");
  }),
                    has_text("the supply"));
  CHECK(taken == 5);
}
