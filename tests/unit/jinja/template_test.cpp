#include "jinja/template.h"

#include "base/expect_error.h"
#include "catch.h"

using namespace expandft;

namespace {

jinja::RenderOptions on_a_fixed_day() {
  jinja::RenderOptions options;
  const std::time_t now = 1'789'000'000;  // 2026-09-10, 00:26:40 UTC
  gmtime_r(&now, &options.now);
  return options;
}

jinja::Rendering rendering(const std::string& text, const char* context = "{}",
                           const jinja::RenderOptions& options = on_a_fixed_day()) {
  return jinja::Template(text, "t.jinja").render(parse_json(context, "context"), options);
}
std::string rendered(const std::string& text, const char* context = "{}") {
  return rendering(text, context).text;
}
void refused(const std::string& text, const std::vector<std::string>& parts,
             const char* context = "{}") {
  INFO(text);
  expect_input_error([&] { rendered(text, context); }, parts);
}

}  // namespace

TEST_CASE("a template writes its text and its values", "[jinja]") {
  CHECK(rendered("") == "");
  CHECK(rendered("a{{ x }}b{{ y }}c", R"({"x": 1, "y": "é"})") == "a1béc");
  CHECK(rendered("{{ missing }}|{{ none }}|{{ true }}|{{ 1.0 }}|{{ 1e16 }}|{{ [1, 'a'] }}") ==
        "|None|True|1.0|1e+16|[1, 'a']");
  CHECK(rendered("{{ {'a': (1,), 'b': none} }}") == "{'a': (1,), 'b': None}");
}

TEST_CASE("blocks take the white space around them as in transformers", "[jinja]") {
  CHECK(rendered("a\n  {% if true %}\nb\n  {% endif %}\nc\n") == "a\nb\nc");
  CHECK(rendered("a\n  {%- if true -%}\n b \n{%- endif %}\nc") == "abc");
  CHECK(rendered("a\n  {%+ if true %}b{% endif %}") == "a\n  b");
  CHECK(rendered("{% if true +%}\nb{% endif %}") == "\nb");
  CHECK(rendered("a {# note #}\nb{#- x -#} c") ==
        "a b"
        "c");
  CHECK(rendered("a\r\nb\rc\r\n") == "a\nb\nc");
  CHECK(rendered("{% raw %}{{ x }}{% endraw %}") == "{{ x }}");
  CHECK(rendered("x\n{{ 'a' }}\n") == "x\na");
}

TEST_CASE("loops have their variable, a filter, else, break and continue", "[jinja]") {
  CHECK(rendered(
            "{% for x in 'abc' %}{{ loop.index }}{{ x }}{{ ',' if not loop.last }}{% endfor %}") ==
        "1a,2b,3c");
  CHECK(rendered("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}") == "a=1");
  CHECK(rendered("{% for x in range(9) if x is odd %}{{ x }}/{{ loop.length }} {% endfor %}") ==
        "1/4 3/4 5/4 7/4 ");
  CHECK(rendered("{% for x in [] %}a{% else %}none{% endfor %}") == "none");
  CHECK(rendered("{% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}"
                 "{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}") == "02");
  CHECK(rendered("{% for x in [1, [2, [3]]] recursive %}"
                 "{{ loop(x) if x is not number else x }}{{ loop.depth }} {% endfor %}") ==
        "11 22 33 2 1 ");
  CHECK(rendered("{% set x = 1 %}{% for i in [2] %}{% set x = i %}{% endfor %}{{ x }}") == "1");
  CHECK(rendered("{% set n = namespace(x=1) %}{% for i in [2] %}{% set n.x = i %}{% endfor %}"
                 "{{ n.x }}") == "2");
}

TEST_CASE("macros have defaults, keywords and callers", "[jinja]") {
  CHECK(
      rendered("{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(b=2, a=3) }}") ==
      "1x32");
  CHECK(rendered("{% macro m() %}<{{ caller('q') }}>{% endmacro %}"
                 "{% call(v) m() %}{{ v }}!{% endcall %}") == "<q!>");
  CHECK(rendered("{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, k=2) }}") ==
        "(1,){'k': 2}");
  CHECK(rendered(
            "{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}") ==
        "3210");
  refused("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", {"not more than 1", "t.jinja:1:35"});
  refused("{% macro m(a) %}{% endmacro %}{{ m(x=2) }}", {"no keyword argument 'x'"});
}

TEST_CASE("values have Python's equality, order and truth", "[jinja]") {
  CHECK(rendered("{{ 1 == 1.0 }}{{ 1 == true }}{{ '1' == 1 }}{{ [1] == (1,) }}{{ {} == {} }}") ==
        "TrueTrueFalseFalseTrue");
  CHECK(rendered("{{ 1 < 2 <= 2 }}{{ 'a' < 'b' }}{{ [1, 2] < [1, 3] }}") == "TrueTrueTrue");
  CHECK(rendered("{{ 'x' if [] else 'y' }}{{ 'x' if {'a': 1} else 'y' }}") == "yx");
  CHECK(rendered("{{ 7 // -2 }} {{ 7 % -2 }} {{ 7 / 2 }} {{ 2 ** 3 ** 2 }} {{ 2 ** -1 }}") ==
        "-4 -1 3.5 64 0.5");
  CHECK(rendered("{{ 'abcde'[1:-1] }} {{ 'abc'[::-1] }} {{ [1, 2, 3][-1] }}") == "bcd cba 3");
  refused("{{ 'a' < 1 }}", {"not supported between instances of 'str' and 'int'"});
  refused("{{ 'a' + 1 }}", {"can only concatenate str"});
  refused("{{ 1 / 0 }}", {"division by zero", "t.jinja:1:6"});
}

TEST_CASE("what is undefined prints as nothing and does no more", "[jinja]") {
  CHECK(rendered("{{ x is defined }}{{ x | default('d') }}{{ x ~ 'a' }}{{ x == y }}") ==
        "FalsedaTrue");
  CHECK(rendered("{% for a in x %}{% endfor %}{{ d.missing }}", R"({"d": {}})") == "");
  refused("a\n {{ x.y }}", {"'x' is undefined", "t.jinja:2:6"});
  refused("{{ d.a.b }}", {"'dict object' has no attribute 'a'"}, R"({"d": {}})");
}

TEST_CASE("an attribute is a method of data, an element or nothing", "[jinja]") {
  const char* const context = R"({"d": {"items": 1, "a": 2}, "l": [1]})";
  CHECK(rendered("{{ d['items'] }}{{ d.items() | list }}{{ d.a }}", context) ==
        "1[('items', 1), ('a', 2)]2");
  CHECK(rendered("{{ d.__class__ }}{{ d.__init__.__globals__ is defined }}",
                 R"({"d": {"__init__": {}}})") == "False");
  CHECK(rendered("{{ l.append is defined }}", context) == "False");
  refused("{{ l.append(2) }}", {"unsafe", "cannot change lists"}, context);
  refused("{{ d.get }}", {"the function get has no text"}, context);
}

TEST_CASE("filters take what Jinja's take", "[jinja]") {
  CHECK(rendered("{{ {'b': [1, none, true], 'a': 'é\n'} | tojson }}") ==
        R"({"b": [1, null, true], "a": "é\n"})");
  CHECK(rendered("{{ {'b': 1, 'a': []} | tojson(indent=2, sort_keys=true) }}") ==
        "{\n  \"a\": [],\n  \"b\": 1\n}");
  CHECK(rendered("{{ ['é'] | tojson(ensure_ascii=true, separators=(',', ':')) }}") ==
        R"(["\u00e9"])");
  CHECK(rendered(
            "{{ rows | selectattr('n', 'gt', 1) | map(attribute='s.x') | join('-') }}",
            R"({"rows": [{"n": 1, "s": {"x": 1}}, {"n": 2, "s": {"x": 2}}, {"n": 3, "s": {}}]})") ==
        "2-");
  CHECK(rendered("{{ ' a ' | trim }}{{ 'ab' | upper | replace('A', '') }}{{ 'x' | int(7) }}") ==
        "aB7");
  CHECK(rendered("{{ {'b': 1, 'A': 2} | dictsort }}{{ [3, 1] | sort | first }}") ==
        "[('A', 2), ('b', 1)]1");
  CHECK(rendered("{{ 'Σίσυφος ΟΔΥΣΣΕΥΣ and-more (words)' | title }}") ==
        "Σίσυφος Οδυσσευς And-More (Words)");
  CHECK(rendered("{{ 'one two three' | truncate(9, leeway=0) }}{{ (1, 2) | truncate(5) }}") ==
        "one...(1, 2)");
  refused("{{ x | nothing }}", {"no filter named 'nothing'", "t.jinja:1:8"});
  CHECK(rendered("{% if false %}{{ x | nothing }}{% endif %}") == "");
  refused("{{ [1] | map('upper') | length }}", {"'generator' has no len()", "|list|length"});
  refused("{{ x | tojson }}", {"Undefined is not JSON serializable"});
  refused("{{ [1] | random }}", {"the filter 'random' is not supported"});
}

TEST_CASE("the functions of transformers' environment are there", "[jinja]") {
  CHECK(rendered("{{ strftime_now('%d %b %Y, %H:%M %%') }}") == "10 Sep 2026, 00:26 %");
  CHECK(rendered("{{ range(1, 6, 2) | list }}{{ dict(a=1) }}") == "[1, 3, 5]{'a': 1}");
  refused("{{ raise_exception('roles must alternate') }}",
          {"the template refuses the conversation: roles must alternate", "t.jinja:1:19"});
  refused("{{ namespace(_x=1) }}", {"begin with \"_\""});
  refused("{{ range(1000000) }}", {"too big"});
}

TEST_CASE("generation blocks report their place", "[jinja]") {
  const jinja::Rendering two = rendering(
      "é{% generation %}ab{% endgeneration %}-{% generation %}{{ 'ü' }}{% endgeneration %}.");
  CHECK(two.text == "éab-ü.");
  CHECK(two.generated == std::vector<jinja::GeneratedSpan>{{2, 4}, {5, 7}});
  CHECK_FALSE(two.has_hidden_generation);
  CHECK(rendering("{% set x %}{% generation %}a{% endgeneration %}{% endset %}{{ x }}")
            .has_hidden_generation);
  CHECK(jinja::Template("{%- generation -%}{% endgeneration %}", "t").has_generation());
}

TEST_CASE("a template is refused where its grammar ends", "[jinja]") {
  refused("{% if x %}", {"\"{% endif %}\" is expected"});
  refused("{{ x", {"the tag is not closed", "t.jinja:1:1"});
  refused("{# x", {"the comment is not closed"});
  refused("{{ 'a }}", {"the string is not closed"});
  refused("{{ (1] }}", {"unexpected \"]\", expected \")\""});
  refused("{{ a b }}", {"expected \"}}\", found \"b\""});
  refused("{{ é }}", {"unexpected character \"é\""});
  refused("{% include 'x' %}", {"the tag \"include\" is not supported"});
  refused("{% nothing %}", {"unknown or misplaced tag \"nothing\""});
  refused("{% break %}", {"\"break\" outside of a loop"});
  refused("{{ 99999999999999999999 }}", {"more than 64 bits"});
  refused("{% set true = 1 %}", {"cannot assign to \"true\""});
  refused("{% for x in y %}{% set loop = 1 %}{% endfor %}", {"special variable \"loop\""});
  refused("\xff", {"not UTF-8, at byte 0"});
}

TEST_CASE("a rendering keeps within limits", "[jinja]") {
  refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", {"calls itself too deeply"});
  refused(
      "{% set n = namespace(x=[1]) %}{% for i in range(300) %}{% set n.x = [n.x] %}{% endfor %}",
      {"nested more than 200 levels"});
  refused(
      "{% set n = namespace(x='ab') %}{% for i in range(90) %}{% set n.x = n.x + n.x %}{% endfor "
      "%}",
      {"bytes, which is the limit"});
  refused("{{ 'a' * 1000000000000 }}", {"larger than a rendering may make"});
  refused("{{ 9223372036854775807 + 1 }}", {"more than 64 bits"});
  refused("{{ " + std::string(300, '(') + "1" + std::string(300, ')') + " }}",
          {"nested more than 200 levels"});
  std::string sum = "{{ 1";
  for (int i = 0; i < 5000; ++i) sum += "+1";
  refused(sum + " }}", {"nested more than 200 levels"});
  jinja::RenderOptions few = on_a_fixed_day();
  few.limits.steps = 100;
  expect_input_error([&] { rendering("{% for x in range(200) %}{% endfor %}", "{}", few); },
                     {"more than 100 steps"});
  few = on_a_fixed_day();
  few.limits.output = 10;
  expect_input_error([&] { rendering("0123456789a", "{}", few); }, {"limit of a rendering"});
  // Values that contain themselves are released, too (the sanitizers look).
  CHECK(
      rendered("{% set n = namespace() %}{% set n.n = [n] %}{% macro m() %}{{ n.x }}{% endmacro %}"
               "{% set n.m = m %}{{ n.m() }}") == "");
}

TEST_CASE("numbers of the context are Python's", "[jinja]") {
  const Json context = parse_json(R"({"a": 1.10, "b": 1e5, "c": 9007199254740993})", "context",
                                  JsonNumbers::kAsWritten);
  CHECK(jinja::Template("{{ [a, b, c] | tojson }}", "t").render(context, {}).text ==
        "[1.1, 100000.0, 9007199254740993]");
  const Json large =
      parse_json(R"({"a": 99999999999999999999})", "context", JsonNumbers::kAsWritten);
  expect_input_error([&] { jinja::Template("", "t").render(large, {}); }, {"more than 64 bits"});
}
