#include "config/layer_selection.h"

#include "base/temp_directory.h"
#include "catch.h"

using namespace expandft;
using expandft::testing::error_of;
using expandft::testing::has;
using Layers = std::vector<std::int64_t>;

namespace {

Layers resolve(const std::string& text, std::int64_t layers) {
  return LayerSelection::parse(text, "--layers").resolve(layers);
}

}  // namespace

TEST_CASE("layer selections resolve to sorted, unique indices", "[config]") {
  CHECK(resolve("all", 4) == Layers{0, 1, 2, 3});
  CHECK(resolve("last:2", 5) == Layers{3, 4});
  CHECK(resolve("last:5", 5) == Layers{0, 1, 2, 3, 4});
  CHECK(resolve("first:2", 5) == Layers{0, 1});
  CHECK(resolve("every:2", 5) == Layers{1, 3});
  CHECK(resolve("every:3", 9) == Layers{2, 5, 8});
  CHECK(resolve("every:1", 3) == Layers{0, 1, 2});
  CHECK(resolve("2-4", 6) == Layers{2, 3, 4});
  CHECK(resolve("-3--1", 6) == Layers{3, 4, 5});
  CHECK(resolve("4--1", 6) == Layers{4, 5});
  CHECK(resolve("0,5,-1", 8) == Layers{0, 5, 7});
  CHECK(resolve(" 3 , 1-3,first:1, -8 ", 8) == Layers{0, 1, 2, 3});
}

TEST_CASE("layer selections come from JSON too, and keep their text", "[config]") {
  const auto text = [](const char* json) {
    return LayerSelection::parse(Json::parse(json), "expansion.layers").text();
  };
  CHECK(text(R"("last:9")") == "last:9");
  CHECK(text("-1") == "-1");
  CHECK(text(R"([0, "2-3", "last:1"])") == "0,2-3,last:1");
  CHECK(text(R"("0, 1")") == "0,1");
  CHECK(LayerSelection::parse(Json::parse("[0, -1]"), "x").resolve(3) == Layers{0, 2});
}

TEST_CASE("automatic layers are a number until a probe has chosen", "[config]") {
  const LayerSelection chosen = LayerSelection::parse(Json::parse(R"({"auto": 3})"), "here");
  CHECK(chosen.automatic(3) == 3);
  CHECK(chosen.json() == Json::parse(R"({"auto": 3})"));
  CHECK(LayerSelection::parse(std::string("auto:3"), "here").json() == chosen.json());
  CHECK(has(error_of([&] { chosen.automatic(2); }).hint(), "the model has 2 layers"));
  CHECK(has(error_of([&] { chosen.resolve(5); }).hint(), "inspect --rank-layers"));
  CHECK_FALSE(LayerSelection::parse(std::string("last:3"), "here").automatic(5));
  CHECK(LayerSelection().json().is_null());
}

TEST_CASE("what names no layers is an input error that says what does", "[config]") {
  for (const std::string text :
       {"",        " ",      "some",    "last",     "last:", "last:0",
        "last:-1", "last:x", "every:0", "first:2x", "1-",    "-",
        "1-2-3",   "1,,2",   "1,",      "1.5",      "0x1",   "99999999999999999999",
        "1--",     "ALL",    "+1"}) {
    INFO(text);
    const Error error = error_of([&] { LayerSelection::parse(text, "--layers"); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(error.where() == "--layers");
    CHECK(has(error.hint(), "last:N"));
  }
  for (const char* json : {"[]", "{}", "1.5", "null", "true", "[[1]]", "[1, null]",
                           R"({"auto": 0})", R"({"auto": 1.5})", R"({"auto": 3, "a": 1})",
                           R"([{"auto": 3}])", R"(["auto:2", 1])", "18446744073709551615"}) {
    INFO(json);
    const Error error = error_of([&] { LayerSelection::parse(Json::parse(json), "here"); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(error.where() == "here");
  }
}

TEST_CASE("layers out of range or an empty choice are input errors that name the item",
          "[config]") {
  for (const std::string item : {"8", "-9", "last:9", "first:9", "every:9", "3-8", "-9-2"}) {
    const Error error = error_of([&] { resolve("0," + item, 8); });
    CHECK(error.code() == ExitCode::kBadInput);
    CHECK(has(error.message(), "\"" + item + "\" is out of range"));
    CHECK(has(error.hint(), "8 layers: 0 to 7, or -8 to -1"));
  }
  CHECK(has(error_of([] { resolve("5-3", 8); }).message(), "ends before it begins"));
  CHECK(error_of([] { LayerSelection().resolve(8); }).code() == ExitCode::kBadInput);
  CHECK(error_of([] { resolve("all", 0); }).code() == ExitCode::kBadInput);
}
