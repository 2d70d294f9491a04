#include "pages/chat_page.h"

#include "pages/html_page.h"

#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

// Learned tokens have a line under them, too, for readers who do not tell the colours apart. The
// signs of line ends are not part of a text that is copied.
constexpr std::string_view kTokenStyle = R"css(
.tokens { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; line-height: 1.9; }
.tokens span { box-shadow: inset -1px 0 var(--line); }
.tokens span:hover { outline: 1px solid var(--first); }
.tokens .learned, .legend .learned { background: var(--good-back); color: var(--good);
  border-bottom: 2px solid var(--good); }
.tokens .special, .legend .special { font-weight: 600; }
.tokens .special:not(.learned), .legend .special:not(.learned) { color: var(--first); }
.tokens i::before { content: "⏎"; font-style: normal; opacity: .6; }
.tokens i.tab::before { content: "⇥"; }
)css";

/// Escaped, with places for the signs of white space.
std::string marked_html(const std::string& text) {
  std::string out;
  for (const char c : html_escaped(text)) {
    if (c == '\n') out += "<i></i>";
    if (c == '\t') out += "<i class=\"tab\"></i>";
    out += c;
  }
  return out;
}

std::string token_html(const TokenText& token) {
  std::string style = token.is_learned ? "learned" : "";
  if (token.is_special) style += style.empty() ? "special" : " special";
  return fmt::format("<span{} title=\"{}\">{}</span>",
                     style.empty() ? "" : fmt::format(" class=\"{}\"", style),
                     html_escaped(token_title(token)), marked_html(token.text));
}

std::string sequence_html(const ShownSequence& sequence, std::size_t place) {
  const std::string heading = html_escaped(sequence.heading);
  std::string content;
  if (!sequence.error.empty()) {
    content = "<p><span class=\"verdict bad\">refused</span></p>\n<pre>\n" +
              html_escaped(sequence.error) + "</pre>\n";
  } else {
    content = fmt::format(
        "<pre class=\"tokens\" tabindex=\"0\" role=\"group\" dir=\"auto\" aria-label=\"{}\">\n",
        heading);
    for (const TokenText& token : sequence.tokens) content += token_html(token);
    content += "</pre>\n";
  }
  return fmt::format(
      "<section aria-labelledby=\"s{0}\">\n<h2 id=\"s{0}\">{1}</h2>\n{2}</section>\n", place,
      heading, content);
}

constexpr std::string_view kTokenLegend =
    "<ul class=\"legend\">\n<li><span class=\"learned\">learned</span></li>\n"
    "<li><span class=\"learned special\">learned, a special token</span></li>\n"
    "<li><span class=\"special\">special token</span></li>\n"
    "<li>only read</li>\n<li>a token's id and piece show when the pointer is on it</li>\n</ul>\n";

}  // namespace

std::string chat_page(const Facts& facts, const std::vector<ShownSequence>& sequences) {
  std::string body = "<header>\n<h1>Rows as the model reads them</h1>\n</header>\n";
  body += "<section aria-label=\"Where they are from\">\n" + facts_html(facts, "numbers models");
  body.append(kTokenLegend).append("</section>\n");
  for (std::size_t i = 0; i < sequences.size(); ++i) body += sequence_html(sequences[i], i + 1);
  std::string page = html_page("Rows as the model reads them: expandft chat-preview", body);
  // Only this page has so many tokens to style.
  page.insert(page.find("</style>"), kTokenStyle);
  return page;
}

}  // namespace expandft
