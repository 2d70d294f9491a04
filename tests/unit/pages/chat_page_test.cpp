#include "pages/chat_page.h"

#include "catch.h"
#include "pages/markup_check.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

std::string chat_page_of(const std::vector<ShownSequence>& sequences) {
  const std::string page = chat_page({{"Data", "rows.jsonl"}, {"Model", "org/base"}}, sequences);
  CHECK(markup_fault(page) == "");
  return page;
}

}  // namespace

TEST_CASE("each token has its id, and learned and special ones stand out", "[chat_page]") {
  const std::string page =
      chat_page_of({{.heading = "row 1 (line 1): 3 tokens, 2 learned",
                     .tokens = {{{4}, {"▁Who"}, " Who\n", false, false},
                                {{5, 6}, {"<0xC3>", "<0xA9>"}, "é", true, false},
                                {{2}, {"</s>"}, "</s>", true, true}}}});
  CHECK(count_of(page, "<span title=\"id 4 &#39;▁Who&#39;\"> Who<i></i>\n</span>") == 1);
  CHECK(count_of(page,
                 "<span class=\"learned\" title=\"ids 5 6 &#39;&lt;0xC3&gt;&#39; "
                 "&#39;&lt;0xA9&gt;&#39;\">é</span>") == 1);
  CHECK(count_of(page,
                 "<span class=\"learned special\" title=\"id 2 &#39;&lt;/s&gt;&#39;\">"
                 "&lt;/s&gt;</span>") == 1);
  CHECK(count_of(page, "<h2 id=\"s1\">row 1 (line 1): 3 tokens, 2 learned</h2>") == 1);
  CHECK(count_of(page, "rows.jsonl") == 1);
  CHECK(count_of(page, "org/base") == 1);
  CHECK(count_of(page, "prefers-color-scheme: dark") == 1);
  for (const char* const part : {"<script", "src=", "url(", "@import", "http"}) {
    CHECK(count_of(page, part) == 0);
  }
}

TEST_CASE("a row that training refuses shows why", "[chat_page]") {
  const std::string page = chat_page_of(
      {{.heading = "row 2 (line 3): refused", .error = "no \"prompt\"\n  where: a:3"},
       {.heading = "row 3 (line 4): 1 token, 0 learned", .tokens = {{{4}, {"a"}, "a"}}}});
  CHECK(count_of(page, "no &quot;prompt&quot;\n  where: a:3</pre>") == 1);
  CHECK(count_of(page, "verdict bad") == 1);
  CHECK(count_of(page, "<h2 id=\"s2\">") == 1);
}

TEST_CASE("texts of rows cannot break the page", "[chat_page]") {
  const std::string hostile = "</pre><script>x</script>\x01\xFF&\"";
  const std::string page =
      chat_page_of({{.heading = hostile, .tokens = {{{4}, {hostile}, hostile, true, false}}},
                    {.heading = "refused", .error = hostile}});
  CHECK(count_of(page, "<script") == 0);
  CHECK(count_of(page, "\uFFFD\uFFFD&amp;&quot;</span>") == 1);
  CHECK(count_of(page, "\uFFFD\uFFFD&amp;&quot;</pre>") == 1);
}
