#include "runtime/device.h"

#include "base/temp_directory.h"
#include "catch.h"

namespace expandft {
namespace {

using testing::error_of;

TEST_CASE("the CPU is always available, and computes in float32 by default") {
  CHECK(select_device("cpu").is_cpu());
  CHECK(compute_dtype(Precision::kAuto, at::kCPU) == at::kFloat);
  CHECK(compute_dtype(Precision::kAuto, at::kCUDA) == at::kBFloat16);
  CHECK(compute_dtype(Precision::kFloat16, at::kCPU) == at::kHalf);
}

TEST_CASE("an unknown device is an error that lists the valid ones") {
  for (const std::string name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "CPU", ""}) {
    const Error error = error_of([&] { select_device(name); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK_THAT(error.message(), has_text("\"" + name + "\" is not a device") && has_text("cuda:N"));
    CHECK(error.where() == "--device");
  }
}

TEST_CASE("a GPU that does not exist is refused") {
  const Error error = error_of([] { select_device("cuda:99"); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK_THAT(error.hint(), has_text("--device cpu"));
}

}  // namespace
}  // namespace expandft
