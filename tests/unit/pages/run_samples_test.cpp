#include "pages/run_samples.h"

#include "catch.h"
#include "pages/markup_check.h"

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("samples keep their white space and are escaped", "[report]") {
  const std::string html = samples_html(
      {{{"prompt", "<b>ask</b>"}, {"base", "\n  two\n\n spaces "}, {"tuned", "a & \"b\" \x01"}}});
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, ">\n&lt;b&gt;ask&lt;/b&gt;</pre>") == 1);
  // The first line end is the page's: HTML drops it.
  CHECK(count_of(html, ">\n\n  two\n\n spaces </pre>") == 1);
  CHECK(count_of(html, "a &amp; &quot;b&quot; \uFFFD</pre>") == 1);
  CHECK(html.find(">Base<") < html.find(">Tuned<"));
}

TEST_CASE("a continuation that is empty is said to be", "[report]") {
  const std::string html = samples_html({{{"prompt", "2+2="}, {"base", ""}, {"tuned", "4"}}});
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, ">(nothing)<") == 1);
  CHECK(count_of(html, "ends at once") == 1);
  CHECK(count_of(html, "<pre") == 2);
}

TEST_CASE("without samples there is no section", "[report]") {
  for (const Json& none :
       {Json(), Json(1), Json::object(), Json::array(), Json::array({1, nullptr}),
        Json::array({{{"prompt", "a"}, {"base", "b"}}}),
        Json::array({{{"prompt", "a"}, {"base", "b"}, {"tuned", 3}}})}) {
    CAPTURE(none.dump());
    CHECK(samples_html(none).empty());
  }
}
