#include "report/table.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "report/json_values.h"
#include "report/terminal.h"

#include <limits>

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("a table aligns its columns, by width on the terminal", "[report]") {
  Table table({"task", "value"}, {Table::Align::kLeft, Table::Align::kRight});
  table.row({"tinystories", "4.2"});
  table.row({"für", "10.25"});
  table.row({"日本", "1"});
  CHECK(table.text() ==
        "task         value\n"
        "-----------  -----\n"
        "tinystories    4.2\n"
        "für          10.25\n"
        "日本             1\n");
}

TEST_CASE("lines have no trailing spaces, cells no line ends", "[report]") {
  Table table({"a", "b"}, {Table::Align::kLeft, Table::Align::kLeft});
  table.row({"x\ny", ""});
  CHECK(table.text() == "a    b\n---  -\nx y\n");
}

TEST_CASE("a control character has the width of its escape", "[report]") {
  Table table({"a", "b"}, {Table::Align::kLeft, Table::Align::kLeft});
  table.row({"\x1b[31m", "1"});
  table.row({"plain", "2"});
  CHECK(table.text() == "a           b\n----------  -\n\\u001b[31m  1\nplain       2\n");
}

TEST_CASE("a table in Markdown", "[report]") {
  Table table({"task", "value"}, {Table::Align::kLeft, Table::Align::kRight});
  table.row({"a|b", "1"});
  CHECK(table.markdown() == "| task | value |\n|---|---:|\n| a\\|b | 1 |\n");
}

TEST_CASE("a table of unequal rows is a failure", "[report]") {
  CHECK(error_of([] { Table({"a", "b"}, {Table::Align::kLeft}); }).code() == ExitCode::kFailed);
  Table table({"a"}, {Table::Align::kLeft});
  CHECK(error_of([&] { table.row({"1", "2"}); }).code() == ExitCode::kFailed);
}

TEST_CASE("widths of UTF-8 text", "[report]") {
  CHECK(display_width("") == 0);
  CHECK(display_width("abc") == 3);
  CHECK(display_width("äöü…") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("😀") == 2);
  CHECK(display_width("👩‍👩‍👧") == 2);  // three emoji and two joiners
  CHECK(display_width("🇩🇪🇫🇷") == 4);
  CHECK(display_width("\u200B\x1B") == 0);
  CHECK(display_width("\xFF\xC3") == 2);
  CHECK(cut_to_width("abc", 3) == "abc");
  CHECK(cut_to_width("abcd", 3) == "ab…");
  CHECK(cut_to_width("abcd", 3, false) == "ab~");
  CHECK(cut_to_width("日本", 3) == "日…");
  CHECK(cut_to_width("日本", 2) == "…");
  CHECK(cut_to_width("👩‍👩‍👧abc", 3) == "👩‍👩‍👧…");
  CHECK(cut_to_width("abc", 0).empty());
}

TEST_CASE("summaries are aligned lines", "[report]") {
  Summary summary;
  summary.line("model", "a");
  summary.line("für", "b");
  CHECK(summary.text() == "model  a\nfür    b\n");
}

TEST_CASE("JSON files are written atomically, with null for NaN", "[report]") {
  const TempDirectory folder;
  write_json(folder / "summary.json", {{"loss", std::numeric_limits<double>::quiet_NaN()}});
  CHECK(read_file(folder / "summary.json") == "{\n  \"loss\": null\n}\n");
  CHECK(pretty_json("\xFF") == "\"\uFFFD\"\n");
  CHECK(error_of([&] { write_json(folder / "none" / "x.json", 1); }).code() == ExitCode::kFailed);
}
