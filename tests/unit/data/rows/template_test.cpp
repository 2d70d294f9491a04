#include "data/rows/template.h"

#include "base/expect_error.h"
#include "catch.h"

#include <string>
#include <vector>

using namespace expandft;

namespace {

using Texts = std::vector<std::string>;

TextTemplate with_filters(std::string_view text) {
  const TextFilters more = {
      {"twice", {[](const std::string& one) { return one + one; }}},
      {"letter_list",
       {[](const std::string& one) { return Json::array({one.substr(0, 1)}); }, false}}};
  return TextTemplate::parse(text, "task.json: prompt", &more);
}

std::string filtered(std::string_view text, std::string_view row) {
  return with_filters(text).render(parse_json(row, "row"), "rows.jsonl:4");
}

Texts texts(std::string_view text, std::string_view row) {
  return with_filters(text).render_texts(parse_json(row, "row"), "rows.jsonl:4");
}

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

TEST_CASE("numbers and booleans are written as in JSON", "[template]") {
  CHECK(render("{i} {f} {t} {n}", R"({"i": 12, "f": 0.5, "t": true, "n": -3})") ==
        "12 0.5 true -3");
}

TEST_CASE("numbers of a row keep their digits", "[template]") {
  const Json row = parse_json(R"({"id": 1180591620717411303424, "price": 1.10, "e": [1e5, -0.50]})",
                              "row", JsonNumbers::kAsWritten);
  const auto render_row = [&](std::string_view text) {
    return with_filters(text).render(row, "rows.jsonl:4");
  };
  CHECK(render_row("{id}: {price}") == "1180591620717411303424: 1.10");
  CHECK(render_row("{price|after:.} {e.0} {e|options}") == "10 1e5 A. 1e5\nB. -0.50");
  CHECK(with_filters("{e}").render_texts(row, "x") == Texts{"1e5", "-0.50"});
  expect_input_error([&] { render_row("{price|letters}"); }, {"\"price\" is a number", "a list"});
  expect_input_error([&] { render_row("{price.x}"); }, {"found: a number"});
}

TEST_CASE("dots reach into objects and lists", "[template]") {
  CHECK(render("{answer.text}", R"({"answer": {"text": "yes"}})") == "yes");
  CHECK(render("{c.1}", R"({"c": ["x", "y"]})") == "y");
  CHECK(render("{c.0.t}", R"({"c": [{"t": "z"}]})") == "z");
  CHECK(render("{a.b}", R"({"a.b": "whole", "a": {"b": "inner"}})") == "whole");
  CHECK(render("{a.b.c}", R"({"a": {"b.c": "mixed"}})") == "mixed");
}

TEST_CASE("the error of a missing field names the row's fields", "[template]") {
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

TEST_CASE("null, lists and objects are not text", "[template]") {
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

TEST_CASE("a bar is part of the name in a template without filters", "[template]") {
  CHECK(render("{a|strip}", R"({"a|strip": " x "})") == " x ");
  expect_input_error(
      [] { render("{a|strip}", R"({"a": "x"})"); },
      {"\"a|strip\"", "filters ({field|strip}) are for the templates of tasks only"});
}

TEST_CASE("filters change a field's value, from left to right", "[template]") {
  CHECK(filtered("<{a|strip}|{a|lstrip}|{a|rstrip}>", R"({"a": "\u00a0 x\u001c "})") ==
        "<x|x\x1c |\u00A0 x>");
  CHECK(filtered("{a|capitalize}", R"({"a": "hELLO wORLD"})") == "Hello world");
  CHECK(filtered("{s|before:_}+{s|after:_|strip}", R"({"s": "Ann as _ was _ late. "})") ==
        "Ann as +was _ late.");
  CHECK(filtered("{s|after:Passage: }", R"({"s": "Passage: Passage: x"})") == "Passage: x");
  CHECK(filtered("{s|last_word},{s|without_last_word}", R"({"s": "a  b\nc d"})") == "d,a  b\nc");
  CHECK(filtered("{s|last_word},{s|without_last_word}", R"({"s": "one"})") == "one,");
  CHECK(filtered("{n|strip}{b|strip}", R"({"n": 3, "b": true})") == "3true");
  CHECK(filtered("{a.b|strip}", R"({"a": {"b": " y"}})") == "y");
  CHECK(filtered("{l|strip|options}", R"({"l": [" x", 2]})") == "A. x\nB. 2");
}

TEST_CASE("a place without a field filters the text before it", "[template]") {
  CHECK(filtered(" {a}: {b}{|strip} {a}", R"({"a": "x", "b": " "})") == "x: x");
  CHECK(filtered("{a}-{b}{|twice}", R"({"a": "x", "b": "y"})") == "x-yx-y");
}

TEST_CASE("a single place gives the texts of its list", "[template]") {
  CHECK(texts("{c.text}", R"({"c": {"text": ["x", 2, true]}})") == Texts{"x", "2", "true"});
  CHECK(texts("{l|strip}", R"({"l": [" x", "y "]})") == Texts{"x", "y"});
  CHECK(texts("{l|letters}", R"({"l": ["x", "y", "z"]})") == Texts{"A", "B", "C"});
  CHECK(texts("{o|letter_list}", R"({"o": "xyz"})") == Texts{"x"});
  CHECK(texts("{l}", R"({"l": []})").empty());
  CHECK(texts("{l}", R"({"l": "text"})") == Texts{"text"});
  CHECK(texts("{a}{b}", R"({"a": "x", "b": 1})") == Texts{"x1"});
  expect_input_error([] { texts("{l}", R"({"l": null})"); }, {"\"l\" is null", "rows.jsonl:4"});
  expect_input_error([] { texts("{l}", R"({"l": ["x", null]})"); }, {"\"l.1\" is null"});
  expect_input_error([] { texts("{l} ", R"({"l": ["x"]})"); }, {"\"l\" is an array"});
}

TEST_CASE("unknown filters and wrong arguments are found when parsed", "[template]") {
  expect_input_error([] { with_filters("{a|stirp}"); },
                     {"filter \"stirp\"", "did you mean \"strip\"?", "task.json: prompt"});
  expect_input_error([] { with_filters("{a|}"); }, {"filter \"\"", "expected one of before"});
  expect_input_error([] { with_filters("{a|xyzzyx}"); }, {"without_last_word", "twice"});
  expect_input_error([] { with_filters("{a|before}"); }, {"needs a text", "{field|before:TEXT}"});
  expect_input_error([] { with_filters("{a|after:}"); }, {"needs a text"});
  expect_input_error([] { with_filters("{a|strip:x}"); }, {"takes no text", "\":x\""});
}

TEST_CASE("a value of the wrong kind is an error at the row", "[template]") {
  expect_input_error([] { filtered("{a|strip}", R"({"a": null})"); },
                     {"\"a\" is null", "filter strip", "rows.jsonl:4"});
  expect_input_error([] { filtered("{a|strip}", R"({"a": {"b": 1}})"); }, {"an object"});
  expect_input_error([] { filtered("{a|strip|options}", R"({"a": [["x"]]})"); },
                     {"is a list", "texts in the list"});
  expect_input_error([] { filtered("{a|options}", R"({"a": "x"})"); },
                     {"is a string", "filter options", "a list"});
  expect_input_error([] { filtered("{a|options}", R"({"a": [null]})"); }, {"is null"});
  expect_input_error([] { texts("{a|letter_list}", R"({"a": ["x"]})"); },
                     {"is a list", "expected a text"});
  expect_input_error([] { filtered("{a|before:_}", R"({"a": "x"})"); },
                     {"has no \"_\"", "filter before", "found: \"x\""});
  expect_input_error([] { filtered("{a|strip}", R"({"a": ["x"]})"); }, {"an array"});
  expect_input_error([] { filtered("x{|options}", "{}"); }, {"the text is a string"});
  expect_input_error([] { filtered("x{|letter_list}", "{}"); }, {"the text is an array"});
  const std::string many = "{\"a\": [" + [] {
    std::string list = "1";
    for (int i = 0; i < 26; ++i) list += ",1";
    return list;
  }() + "]}";
  expect_input_error([&] { filtered("{a|options}", many); }, {"27 items", "letters for 26"});
}

TEST_CASE("a template lists the fields that a row lacks", "[template]") {
  const TextTemplate parsed = with_filters("{a} {b.c|strip} {a} {d.1}{|strip}");
  CHECK(parsed.missing_fields(parse_json(R"({"a": 1, "b": {"c": 2}, "d": [1, 2]})", "")).empty());
  CHECK(parsed.missing_fields(parse_json(R"({"b": {}, "d": [1]})", "")) ==
        Texts{"a", "b.c", "d.1"});
}
