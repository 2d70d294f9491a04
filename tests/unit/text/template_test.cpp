#include "text/template.h"

#include "catch.h"
#include "expect_error.h"

using namespace expandft;

namespace {

std::string render(std::string_view text, std::string_view row) {
  return TextTemplate::parse(text, "run.json").render(parse_json(row, "row"), "rows.jsonl:4");
}

}  // namespace

TEST_CASE("a template puts fields into text", "[template]") {
  CHECK(render("Question: {question}\nAnswer:", R"({"question": "Why?"})") ==
        "Question: Why?\nAnswer:");
  CHECK(render("", R"({})").empty());
  CHECK(render("no fields", R"({})") == "no fields");
  CHECK(render("{a}{a}{b}", R"({"a": "x", "b": "{y}"})") == "xx{y}");
  CHECK(render("日{ü}本", R"({"ü": "é"})") == "日é本");
}

TEST_CASE("doubled braces are braces", "[template]") {
  CHECK(render("{{}} {{a}} {{{a}}}", R"({"a": "x"})") == "{} {a} {x}");
}

TEST_CASE("numbers and booleans go in as JSON writes them", "[template]") {
  CHECK(render("{i} {f} {t} {n}", R"({"i": 12, "f": 0.5, "t": true, "n": -3})") ==
        "12 0.5 true -3");
}

TEST_CASE("dots reach into objects and lists", "[template]") {
  CHECK(render("{answer.text}", R"({"answer": {"text": "yes"}})") == "yes");
  CHECK(render("{c.1}", R"({"c": ["x", "y"]})") == "y");
  CHECK(render("{c.0.t}", R"({"c": [{"t": "z"}]})") == "z");
  CHECK(render("{a.b}", R"({"a.b": "whole", "a": {"b": "inner"}})") == "whole");
  CHECK(render("{a.b.c}", R"({"a": {"b.c": "mixed"}})") == "mixed");
}

TEST_CASE("a missing field names the fields there are", "[template]") {
  expect_input_error([] { render("{anwser}", R"({"question": "q", "answer": "a"})"); },
                     {"\"anwser\"", "question, answer", "did you mean \"answer\"", "rows.jsonl:4"});
  expect_input_error([] { render("{a}", "{}"); }, {"no fields"});
  expect_input_error([] { render("{a.b}", R"({"a": {"c": 1}})"); }, {"\"a.b\"", "found: c"});
  expect_input_error([] { render("{a.7}", R"({"a": [1, 2]})"); }, {"a list of 2 items"});
  expect_input_error([] { render("{a.x}", R"({"a": [1]})"); }, {"a list of 1 items"});
  expect_input_error([] { render("{a.}", R"({"a": [1]})"); }, {"\"a.\""});
  expect_input_error([] { render("{a.99999999999999999999}", R"({"a": [1]})"); }, {"a list"});
  expect_input_error([] { render("{a.b}", R"({"a": "text"})"); }, {"a string"});
}

TEST_CASE("null, lists and objects are no text", "[template]") {
  expect_input_error([] { render("{a}", R"({"a": null})"); }, {"null", "rows.jsonl:4"});
  expect_input_error([] { render("{a}", R"({"a": [1]})"); }, {"array", "{a."});
  expect_input_error([] { render("{a}", R"({"a": {}})"); }, {"object"});
}

TEST_CASE("unbalanced braces are found with their position", "[template]") {
  expect_input_error([] { render("ab {c", "{}"); },
                     {"\"{\" without \"}\"", "character 4", "run.json"});
  expect_input_error([] { render("a}b", "{}"); }, {"\"}\" without \"{\"", "character 2"});
  expect_input_error([] { render("{a{b}", "{}"); }, {"character 1"});
  expect_input_error([] { render("{}", "{}"); }, {"without a field's name", "character 1"});
  expect_input_error([] { render("{", "{}"); }, {"character 1"});
}
