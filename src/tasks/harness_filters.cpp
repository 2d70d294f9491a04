#include "tasks/harness_filters.h"

#include "base/python_text.h"

#include <array>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t next = 0; (next = text.find(from, at)) != text.npos; at = next + from.size()) {
    out += text.substr(at, next - at);
    out += to;
  }
  return out += text.substr(at);
}

/// Removes white space just inside a pair of marks. A closing mark pairs with the first open one.
std::string tightened(std::string_view text, char open, char close) {
  std::string out;
  std::size_t at = 0;
  while (true) {
    const std::size_t begin = text.find(open, at);
    const std::size_t end = begin == text.npos ? begin : text.find(close, begin + 1);
    if (end == text.npos) return out += text.substr(at);
    out += text.substr(at, begin + 1 - at);
    out += python_strip(text.substr(begin + 1, end - begin - 1));
    out += close;
    at = end + 1;
  }
}

/// "/' 5/" becomes "/'[0-9]/", literally: the harness's replacement text is a pattern.
std::string with_harness_slip(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t found = text.find("/' ");
    if (found == text.npos) return out += text;
    const bool fits = found + 4 < text.size() && text[found + 3] >= '0' && text[found + 3] <= '9' &&
                      text[found + 4] == '/';
    out += text.substr(0, found);
    out += fits ? "/'[0-9]/" : "/";
    text.remove_prefix(found + (fits ? 5 : 1));
  }
}

std::string without_brackets(std::string_view text) {
  std::string out;
  while (true) {
    const std::size_t open = text.find('[');
    if (open == text.npos) return out += text;
    const std::size_t end = text.find_first_of("]\n", open + 1);
    const bool pairs = end != text.npos && text[end] == ']';
    out += text.substr(0, pairs ? open : open + 1);
    text.remove_prefix(pairs ? end + 1 : open + 1);
  }
}

using Replacement = std::pair<std::string_view, std::string_view>;

constexpr std::array<Replacement, 9> kJoined = {{{" @-@ ", "-"},
                                                 {" @,@ ", ","},
                                                 {" @.@ ", "."},
                                                 {" : ", ": "},
                                                 {" ; ", "; "},
                                                 {" . ", ". "},
                                                 {" ! ", "! "},
                                                 {" ? ", "? "},
                                                 {" , ", ", "}}};
constexpr std::array<Replacement, 8> kLast = {{{"= = = =", "===="},
                                               {"= = =", "==="},
                                               {"= =", "=="},
                                               {" \u00B0 ", "\u00B0"},
                                               {" \n", "\n"},
                                               {"\n ", "\n"},
                                               {" N ", " 1 "},
                                               {" 's", "'s"}}};

}  // namespace

const TextFilters& harness_filters() {
  static const TextFilters filters = {
      {"wikihow", {clean_wikihow}},
      {"wikitext", {clean_wikitext}},
      {"split_options", {split_options, /*takes_lists=*/false}},
  };
  return filters;
}

std::string clean_wikihow(const std::string& text) {
  const std::string titled = replaced(python_strip(text), " [title]", ". ");
  return replaced(without_brackets(titled), "  ", " ");
}

std::string clean_wikitext(const std::string& text) {
  std::string out = with_harness_slip(replaced(text, "s '", "s'"));
  for (const auto& [from, to] : kJoined) out = replaced(out, from, to);
  constexpr std::array<std::pair<char, char>, 5> kMarks = {
      {{'(', ')'}, {'[', ']'}, {'{', '}'}, {'"', '"'}, {'\'', '\''}}};
  for (const auto& [open, close] : kMarks) out = tightened(out, open, close);
  for (const auto& [from, to] : kLast) out = replaced(out, from, to);
  return out;
}

std::vector<std::string> split_options(const std::string& text) {
  // An option is "x ) … , " for x from a to d, up to the first " , " or ", " on its line. The last,
  // "e ) …", ends with the text.
  std::vector<std::string> options;
  std::string_view rest = text;
  const auto add = [&options](std::string_view option) {
    option.remove_prefix(4);
    const std::size_t last = option.find_last_not_of(" ,");
    options.emplace_back(option.substr(0, last == option.npos ? 0 : last + 1));
  };
  while (rest.size() >= 4) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const bool begins = rest[0] >= 'a' && rest[0] <= 'e' && rest.substr(1, 3) == " ) ";
    const std::size_t end =
        begins && rest[0] != 'e' && line.size() > 4 ? line.find(", ", 4) : rest.npos;
    if (end != rest.npos) {
      add(rest.substr(0, end + 2));
      rest.remove_prefix(end + 2);
    } else if (begins && rest[0] == 'e' && line.size() + 1 >= rest.size()) {
      add(line);
      break;
    } else {
      rest.remove_prefix(1);
    }
  }
  return options;
}

}  // namespace expandft
