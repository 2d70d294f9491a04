#include "base/utf8.h"
#include "data/rows/template.h"
#include "fuzz.h"
#include "tasks/harness_filters.h"

using namespace expandft;

// A template in the first line, and its row in the rest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all = fuzz::as_text(data, size);
  if (find_invalid_utf8(all) != all.npos) return 0;  // templates come from JSON, which is UTF-8
  const std::size_t end = std::min(all.find('\n'), all.size());
  for (const TextFilters* const filters :
       {static_cast<const TextFilters*>(nullptr), &harness_filters()}) {
    fuzz::expect_input_error([&] {
      const TextTemplate text = TextTemplate::parse(all.substr(0, end), "fuzz", filters);
      const Json row =
          parse_json(all.substr(std::min(end + 1, all.size())), "fuzz", JsonNumbers::kAsWritten);
      text.missing_fields(row);
      const std::string rendered = text.render(row, "fuzz");
      if (text.render_texts(row, "fuzz").empty()) std::abort();
    });
  }
  return 0;
}
