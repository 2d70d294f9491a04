#include "pages/html.h"

#include "catch.h"
#include "pages/html_page.h"
#include "pages/markup_check.h"

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("text is escaped for elements and attributes", "[report]") {
  CHECK(html_escaped("<a href=\"x\">&'") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  CHECK(html_escaped("für 日本\t\n") == "für 日本\t\n");
  CHECK(html_escaped("&amp;") == "&amp;amp;");
  CHECK(html_escaped("") == "");
}

TEST_CASE("what XML does not allow is replaced", "[report]") {
  CHECK(html_escaped("a\xFF\x80z") == "a\uFFFD\uFFFDz");
  CHECK(html_escaped(std::string("\0\x1B\r\x7F", 4)) == "\uFFFD\uFFFD\uFFFD\uFFFD");
  CHECK(html_escaped("a\uFFFE\uFFFF\uFEFFz") == "a\uFFFD\uFFFD\uFEFFz");
}

TEST_CASE("a page is whole, and loads nothing", "[report]") {
  const std::string page = html_page("a <b> & c", "<p>x</p>\n");
  CHECK(markup_fault(page) == "");
  CHECK(count_of(page, "<title>a &lt;b&gt; &amp; c</title>") == 1);
  CHECK(count_of(page, "prefers-color-scheme: dark") == 1);
  for (const char* const part : {"<script", "src=", "href=", "url(", "@import", "http"}) {
    CHECK(count_of(page, part) == 0);
  }
}

TEST_CASE("markup_fault finds faults", "[report]") {
  CHECK(markup_fault("<p><b>x</b></p>") == "");
  CHECK(markup_fault("<p><b>x</p></b>") == "unexpected /p");
  CHECK(markup_fault("<p>") == "not closed: p");
  CHECK(markup_fault("a & b") == "bare & at 2");
  CHECK(markup_fault("<p class=\"x>y</p>") == "damaged tag: p class=\"x");
}
