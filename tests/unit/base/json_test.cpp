#include "base/json.h"

#include "base/numbers.h"
#include "base/temp_directory.h"
#include "catch.h"

using namespace expandft;
using expandft::testing::error_of;
using expandft::testing::has;

namespace {
Error json_error(const std::string& text) {
  return error_of([&] { parse_json(text, "run.json"); });
}
}  // namespace

TEST_CASE("JSON values are parsed as written", "[json]") {
  const Json json = parse_json(
      R"({"z": [1, -2, 2.5, true, null], "a": {"text": "gr\u00fc\u00df \ud83d\ude00"}})", "x");
  CHECK(json["z"][0].is_number_unsigned());
  CHECK(json["z"][1] == -2);
  CHECK(json["z"][2] == 2.5);
  CHECK(json["z"][3] == true);
  CHECK(json["z"][4].is_null());
  CHECK(json["a"]["text"] == "grüß 😀");
  CHECK(json.begin().key() == "z");  // order of the file
  CHECK(parse_json(" 7 \n", "x") == 7);
  CHECK(parse_json("[]", "x").is_array());
  CHECK(parse_json("{}", "x").is_object());
  CHECK(parse_json("\xEF\xBB\xBF{\"a\": 1}", "x")["a"] == 1);
}

TEST_CASE("JSON equals what nlohmann's own parser makes of it", "[json]") {
  const std::string text =
      R"({"b":[{"x":[[],{},[1,[2]]]},"",0.1],"a":{"b":{"c":{}},"d":[]},"e":1e3})";
  CHECK(parse_json(text, "x").dump() == Json::parse(text).dump());
}

TEST_CASE("Numbers keep their texts on request", "[json]") {
  for (const std::string number :
       {"0", "7", "-3", "-0", "18446744073709551615", "18446744073709551616",
        "1180591620717411303424", "-1180591620717411303424", "1.10", "1.0", "-0.0", "1e5", "1E+05",
        "0.1000000000000000055", "1e-400", "123456789012345678901234567890.5"}) {
    INFO(number);
    const Json list = parse_json("[" + number + "]", "x", JsonNumbers::kAsWritten);
    CHECK(scalar_text(list[0]) == number);
    CHECK(json_type_name(list[0]) == std::string("number"));
  }
  CHECK(parse_json("[12]", "x", JsonNumbers::kAsWritten)[0] == 12);
  CHECK(parse_json("[1.50]", "x", JsonNumbers::kAsWritten) ==
        parse_json("[ 1.50 ]", "x", JsonNumbers::kAsWritten));
  CHECK(parse_json("[1.10]", "x")[0] == 1.1);
  CHECK_FALSE(scalar_text(parse_json("null", "x", JsonNumbers::kAsWritten)));
  CHECK(json_excerpt(parse_json(R"([1.50, {"a": 2.5}])", "x", JsonNumbers::kAsWritten)) ==
        R"([1.5,{"a":2.5}])");
  CHECK(
      has(error_of([] { parse_json("1e400", "x", JsonNumbers::kAsWritten); }).message(), "1e400"));
}

TEST_CASE("A duplicate key is refused", "[json]") {
  const Error error = json_error("{\"a\": 1,\n  \"b\": {\"a\": 1},\n  \"a\": 2}");
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), "\"a\" appears twice"));
  CHECK(error.where() == "run.json:3:5");
  CHECK(json_error(R"([{"x":{"k":1,"\u006b":2}}])").where() == "run.json:1:21");
}

TEST_CASE("Nesting deeper than 64 is refused", "[json]") {
  CHECK(parse_json(std::string(64, '[') + std::string(64, ']'), "x").is_array());
  const Error error = json_error(std::string(65, '[') + std::string(65, ']'));
  CHECK(has(error.message(), "deeper than 64"));
  CHECK(error.where() == "run.json:1:65");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK(has(json_error(objects).message(), "deeper than 64"));
}

TEST_CASE("Broken JSON is refused with line and column", "[json]") {
  CHECK(json_error("").where() == "run.json:1:1");
  CHECK(has(json_error("").message(), "unexpected end of input"));
  const Error comma = json_error("{\n  \"ü\": 1,\n}");
  CHECK(comma.where() == "run.json:3:1");
  CHECK(has(comma.message(), "expected string literal"));
  CHECK(json_error("{\"ü\":}").where() == "run.json:1:6");  // characters, not bytes
  CHECK(has(json_error("{} x").message(), "expected end of input"));
  CHECK(has(json_error("[1] [2]").message(), "expected end of input"));
  CHECK(has(json_error(std::string("{}\0 x", 5)).message(), "NUL"));
  CHECK(has(json_error(std::string("{}\0", 3)).message(), "NUL"));
  CHECK(json_error(std::string("{\n\0}", 4)).where() == "run.json:2:1");
  CHECK(has(json_error(std::string("\xFF\xFE{\0}\0", 6)).message(), "UTF-16"));
  CHECK(json_error("[1e999]").code() == ExitCode::kBadInput);
  CHECK(has(json_error("[1e999]").message(), "overflow"));
  CHECK(has(json_error("[NaN]").message(), "invalid literal"));
  CHECK(has(json_error("{'a': 1}").message(), "not valid JSON"));
  CHECK(has(json_error("// c\n{}").message(), "not valid JSON"));
}

TEST_CASE("Invalid UTF-8 is refused, and does not reach the message", "[json]") {
  for (const std::string bytes :
       {"\xff", "\xc3(", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc0\xaf"}) {
    const Error error = json_error("[\"" + bytes + "\"]");
    CHECK(has(error.message(), "UTF-8"));
    for (const char c : error.message()) CHECK(static_cast<unsigned char>(c) < 0xf8);
  }
  CHECK(json_error(R"(["\ud800"])").code() == ExitCode::kBadInput);
}

TEST_CASE("One byte order mark is accepted, a second is refused", "[json]") {
  const Error error = json_error("\xEF\xBB\xBF\xEF\xBB\xBF{}");
  CHECK(has(error.message(), "second byte order mark"));
  CHECK(error.where() == "run.json:1:1");
}

TEST_CASE("A long faulty token is shortened in the message", "[json]") {
  CHECK(json_error("[\"" + std::string(100000, 'x')).message().size() < 400);
}

TEST_CASE("A wide object is parsed in linear time", "[json]") {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i)
    text += "\"token" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  text.back() = '}';
  const Json json = parse_json(text, "x");
  CHECK(json.size() == 200000);
  CHECK(has(json_error(text.substr(0, text.size() - 1) + ",\"token7\":1}").message(), "token7"));
}

TEST_CASE("read_json names the file", "[json]") {
  const expandft::testing::TempDirectory directory;
  write_file_atomically(directory / "good.json", "{\"a\": 1}");
  CHECK(read_json(directory / "good.json")["a"] == 1);
  write_file_atomically(directory / "bad.json", "{");
  CHECK(error_of([&] { read_json(directory / "bad.json"); }).where() ==
        (directory / "bad.json").string() + ":1:1");
  CHECK(error_of([&] { read_json(directory / "none.json"); }).where() ==
        (directory / "none.json").string());
}
