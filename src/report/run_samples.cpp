#include "report/run_samples.h"

#include "report/html.h"

#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// A text with its white space, in a box that scrolls when it is long (and has the focus for that).
std::string text_html(std::string_view style, const std::string& label, const std::string& text) {
  // HTML drops a line end right after <pre>: this one, not the text's own.
  const std::string content =
      text.empty()
          ? "<p class=\"quiet empty\">(nothing)</p>\n"
          : fmt::format(
                "<pre tabindex=\"0\" role=\"group\" dir=\"auto\" aria-label=\"{}\">\n{}</pre>\n",
                label, html_escaped(text));
  return fmt::format("<div class=\"{}\">\n<h3>{}</h3>\n{}</div>\n", style, label, content);
}

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
    out += "<article class=\"sample\">\n" + text_html("prompt", "Prompt", text("prompt")) +
           "<div class=\"pair\">\n" + text_html("base", "Base", text("base")) +
           text_html("tuned", "Tuned", text("tuned")) + "</div>\n</article>\n";
  }
  if (out.empty()) return "";
  return "<section aria-labelledby=\"samples\">\n<h2 id=\"samples\">Samples before and after</h2>\n"
         "<p class=\"quiet\">How base and tuned model continue the same prompts, greedily.</p>\n" +
         out + "</section>\n";
}

}  // namespace expandft
