#include "pages/run_samples.h"

#include "pages/page_parts.h"

#include <algorithm>

namespace expandft {
namespace {

bool is_sample(const Json& sample) {
  if (!sample.is_object()) return false;
  for (const char* const key : {"prompt", "base", "tuned"}) {
    const auto found = sample.find(key);
    if (found == sample.end() || !found->is_string()) return false;
  }
  return true;
}

}  // namespace

std::string samples_html(const Json& samples) {
  if (!samples.is_array()) return "";
  std::string out;
  for (const Json& sample : samples) {
    if (!is_sample(sample)) continue;
    const auto text = [&](const char* key) { return sample.at(key).get<std::string>(); };
    out += "<article class=\"sample\">\n" + text_box_html("prompt", "Prompt", text("prompt")) +
           "<div class=\"pair\">\n" + text_box_html("base", "Base", text("base")) +
           text_box_html("tuned", "Tuned", text("tuned")) + "</div>\n</article>\n";
  }
  if (out.empty()) return "";
  const bool has_empty = std::any_of(samples.begin(), samples.end(), [](const Json& sample) {
    return is_sample(sample) && (sample["base"] == "" || sample["tuned"] == "");
  });
  const std::string note =
      has_empty
          ? " (nothing): the likeliest first token is the one that ends a text, so the model "
            "ends at once. For a model of conversations that is common after a prompt without "
            "its chat format."
          : "";
  return "<section aria-labelledby=\"samples\">\n<h2 id=\"samples\">Samples before and after</h2>\n"
         "<p class=\"quiet\">How base and tuned model continue the same prompts, greedily." +
         note + "</p>\n" + out + "</section>\n";
}

}  // namespace expandft
