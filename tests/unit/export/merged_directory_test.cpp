#include "export/merged_directory.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "export/unmerge.h"
#include "families/model_config.h"
#include "golden.h"

#include <string>
#include <utility>
#include <vector>

namespace expandft {
namespace {

using testing::error_of;
using testing::has;
using testing::TempDirectory;

const std::string kDown = TensorNames{}.layer(1, "mlp.down_proj.weight");

/// A merged model whose layers 0 and 1 have two copies; the third is padded.
class Merged {
 public:
  Merged() : base_(Golden("gqa").directory()) {
    const DecoderSpec spec = read_spec(base_.config(), "config.json");
    const Folding folding{{{0, 1}, 2}, Layout::kPadded, 1.0};
    fs::create_directory(path());
    fs::create_directory(temp_ / "back");
    write_merged(path(), base_, spec, folding, initial_tensors(base_, spec, folding.plan), "card");
    numbers_ = spec.hidden * spec.intermediate;
  }

  fs::path path() const { return temp_ / "merged"; }
  std::int64_t numbers() const { return numbers_; }  // in "down" of the base
  void unmerge() const { write_unmerged(temp_ / "back", ModelDirectory::open(path())); }

  void set(const std::string& key, const Json& value) const {
    Json info = read_json(path() / "expandft.json");
    info[key] = value;
    write_file_atomically(path() / "expandft.json", info.dump());
  }
  /// Writes expandft_unmerge.safetensors.
  void set_remainder(std::vector<std::pair<std::string, at::Tensor>> tensors) const {
    std::vector<TensorSource> sources;
    for (const auto& [name, tensor] : tensors) {
      sources.push_back(source_of(name, tensor, dtype_of(tensor.scalar_type())));
    }
    write_safetensors(path() / "expandft_unmerge.safetensors", sources, {});
  }
  Error refusal() const {
    const Error error = error_of([&] { unmerge(); });
    CAPTURE(error.what());
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(has(error.where(), path().string()));
    CHECK(has(error.hint(), "merge it again"));
    CHECK(fs::is_empty(temp_ / "back"));
    return error;
  }

 private:
  TempDirectory temp_;
  ModelDirectory base_;
  std::int64_t numbers_ = 0;
};

TEST_CASE("an undamaged merged model is unmerged") {
  const Merged merged;
  CHECK_NOTHROW(merged.unmerge());
}

TEST_CASE("expandft.json is checked against the tensors") {
  const Merged merged;
  SECTION("another width") {
    const auto width = GENERATE(std::int64_t{1}, std::int64_t{47}, std::int64_t{1} << 62);
    merged.set("base_intermediate_size", width);
    const Error error = merged.refusal();
    CHECK(has(error.message(), "\"base_intermediate_size\" is " + std::to_string(width)));
    CHECK(has(error.message(), "\"base_config\" says 80"));
  }
  SECTION("other copies") {
    merged.set("copies", 4);
    CHECK(has(merged.refusal().message(), "expected a width of 320"));
  }
  SECTION("layers that do not exist") {
    merged.set("layers", {0, 3});
    CHECK(has(merged.refusal().message(), "names layer 3"));
  }
  SECTION("fields out of range") {
    const auto [key, value] = GENERATE(
        std::pair("layers", "[]"), std::pair("layers", "[-1]"), std::pair("layers", "[1, 0]"),
        std::pair("layers", "[1, 1]"), std::pair("copies", "1"), std::pair("copies", "65"),
        std::pair("base_intermediate_size", "0"), std::pair("strength", "1.5"),
        std::pair("layout", "\"round\""));
    CAPTURE(key, value);
    merged.set(key, Json::parse(value));
    CHECK(has(merged.refusal().message(), "out of range"));
  }
  SECTION("fields of another type") {
    merged.set("layers", "all");
    CHECK(has(merged.refusal().message(), "of the wrong type"));
  }
}

TEST_CASE("numbers to restore are checked against the tensors") {
  const Merged merged;
  const at::Tensor index = at::zeros({2}, at::kLong), value = at::zeros({2});
  const std::string index_name = kDown + ".index", value_name = kDown + ".value";
  SECTION("an index alone, or a value alone") {
    merged.set_remainder(
        {GENERATE(0, 1) == 0 ? std::pair(index_name, index) : std::pair(value_name, value)});
    CHECK(has(merged.refusal().message(), "expected both"));
  }
  SECTION("different lengths, or not lists") {
    const Shape shape = GENERATE(Shape{3}, Shape{2, 1}, Shape{});
    merged.set_remainder({{index_name, index}, {value_name, at::zeros(shape)}});
    CHECK(has(merged.refusal().message(), "same length"));
  }
  SECTION("of other dtypes") {
    merged.set_remainder({{index_name, index.to(at::kInt)}, {value_name, value}});
    CHECK(has(merged.refusal().message(), "of I64 and F32"));
    merged.set_remainder({{index_name, index}, {value_name, value.to(at::kHalf)}});
    CHECK(has(merged.refusal().message(), "of I64 and F32"));
  }
  SECTION("indices out of range") {
    const std::int64_t place = GENERATE(std::int64_t{-1}, std::int64_t{1} << 40);
    merged.set_remainder({{index_name, at::full({2}, place, at::kLong)}, {value_name, value}});
    CHECK(has(merged.refusal().message(), "0 to " + std::to_string(merged.numbers() - 1)));
    merged.set_remainder(
        {{index_name, at::full({2}, merged.numbers(), at::kLong)}, {value_name, value}});
    CHECK(has(merged.refusal().message(), "has indices out of range"));
  }
  SECTION("a layer that did not grow, or another tensor") {
    const std::string name =
        GENERATE(as<std::string>{}, TensorNames{}.layer(2, "mlp.down_proj.weight") + ".index",
                 TensorNames{}.layer(1, "mlp.up_proj.weight") + ".value", "other");
    merged.set_remainder({{name, index}});
    CHECK(has(merged.refusal().message(), "\"" + name + "\" does not belong to a layer that grew"));
  }
}

}  // namespace
}  // namespace expandft
