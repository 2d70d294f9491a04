#include "report/token_text.h"

#include "base/utf8.h"
#include "base/wording.h"
#include "report/terminal.h"

#include <string_view>

namespace expandft {
namespace {

// Escape sequences, readable on light and dark terminals alike.
constexpr std::string_view kResetStyle = "\033[0m", kQuietStyle = "\033[2m",
                           kSpecialStyle = "\033[36m", kLearnedStyle = "\033[30;42m",
                           kLearnedSpecialStyle = "\033[30;46m";
constexpr std::string_view kOpenSign = "⟦", kCloseSign = "⟧", kBreakSign = "⏎", kTabSign = "⇥",
                           kSpaceSign = "␣";

std::string_view style_of(const TokenText& token) {
  if (token.is_learned) return token.is_special ? kLearnedSpecialStyle : kLearnedStyle;
  return token.is_special ? kSpecialStyle : std::string_view();
}

std::string styled(std::string_view text, std::string_view style) {
  std::string out(style);
  out += text;
  if (!style.empty()) out += kResetStyle;
  return out;
}

/// A learned text with its background, which ends before each line end.
std::string learned_text(std::string_view text, std::string_view style) {
  std::string out(style);
  for (const char c : text) {
    if (c == '\n') {
      out.append(kBreakSign).append(kResetStyle).append("\n").append(style);
    } else if (c == '\t') {
      out += kTabSign;
    } else {
      out += c;
    }
  }
  return out.append(kResetStyle);
}

/// Signs for white space.
std::string with_signs(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == ' ') {
      out += kSpaceSign;
    } else if (c == '\n') {
      out += kBreakSign;
    } else if (c == '\t') {
      out += kTabSign;
    } else {
      out += c;
    }
  }
  return out;
}

std::string cell_of(const TokenText& token, Highlight highlight) {
  // Some tokens add nothing to a text.
  const std::string text =
      token.text.empty() ? printable(token.pieces.front(), "") : with_signs(token.text);
  std::string ids;
  for (const TokenId id : token.ids) ids += " " + std::to_string(id);
  if (highlight == Highlight::kColors)
    return styled(text, style_of(token)) + styled(ids, kQuietStyle);
  if (!token.is_learned) return text + ids;
  return std::string(kOpenSign).append(text).append(kCloseSign).append(ids);
}

/// Columns of a cell, whose escape sequences take none.
std::size_t width_of(const TokenText& token) {
  return display_width(cell_of(token, Highlight::kBrackets));
}

}  // namespace

std::vector<TokenText> token_texts(const Example& example, const Tokenizer& tokenizer) {
  std::vector<TokenText> texts;
  TokenText open;     // tokens whose bytes end within a character
  std::string bytes;  // of these
  const auto close = [&] {
    if (open.ids.empty()) return;
    open.text = replace_invalid_utf8(bytes, tokenizer.replacing());
    texts.push_back(std::move(open));
    open = {};
    bytes.clear();
  };
  for (std::size_t i = 0; i < example.tokens.size(); ++i) {
    const TokenId id = example.tokens[i];
    const bool is_special = tokenizer.is_special(id);
    const bool is_learned = example.learned[i] != 0;
    if (is_special || is_learned != open.is_learned) close();
    open.ids.push_back(id);
    open.pieces.push_back(tokenizer.token(id));
    open.is_learned = is_learned;
    open.is_special = is_special;
    bytes += tokenizer.token_bytes(id);
    if (is_special || !utf8_prefix(bytes).is_incomplete) close();
  }
  close();
  return texts;
}

std::string token_title(const TokenText& token) {
  std::string ids = token.ids.size() == 1 ? "id" : "ids", pieces;
  for (std::size_t i = 0; i < token.ids.size(); ++i) {
    ids += " " + std::to_string(token.ids[i]);
    pieces += " '" + printable(token.pieces[i], "") + "'";
  }
  return ids + pieces;
}

std::string highlighted_text(const std::vector<TokenText>& tokens, Highlight highlight) {
  std::string out;
  bool ends_line = false;
  for (std::size_t i = 0; i < tokens.size();) {
    // Tokens that look the same are one stretch.
    const TokenText& first = tokens[i];
    const auto belongs = [&](const TokenText& token) {
      return highlight == Highlight::kColors ? style_of(token) == style_of(first)
                                             : token.is_learned == first.is_learned;
    };
    std::string text;
    for (; i < tokens.size() && belongs(tokens[i]); ++i) text += printable(tokens[i].text);
    ends_line = text.ends_with('\n');
    if (highlight == Highlight::kColors) {
      out += first.is_learned ? learned_text(text, style_of(first)) : styled(text, style_of(first));
    } else if (first.is_learned) {
      out.append(kOpenSign).append(text).append(kCloseSign);
      ends_line = false;
    } else {
      out += text;
    }
  }
  return ends_line ? out : out + "\n";
}

std::string token_cells(const std::vector<TokenText>& tokens, Highlight highlight,
                        std::size_t columns) {
  constexpr std::string_view kBetween = " | ";
  std::string out;
  std::size_t used = 0;  // columns of the line
  for (const TokenText& token : tokens) {
    const std::size_t width = width_of(token);
    if (used > 0 && used + kBetween.size() + width > columns) {
      out += "\n";
      used = 0;
    }
    if (used > 0) {
      out +=
          highlight == Highlight::kColors ? styled(kBetween, kQuietStyle) : std::string(kBetween);
      used += kBetween.size();
    }
    out += cell_of(token, highlight);
    used += width;
    if (token.text.ends_with('\n')) {
      out += "\n";
      used = 0;
    }
  }
  return used > 0 ? out + "\n" : out;
}

std::string highlight_legend(Highlight highlight) {
  if (highlight == Highlight::kBrackets) {
    return std::string("learned tokens stand between ").append(kOpenSign).append(" and ") +
           std::string(kCloseSign) + "; the others are only read\n";
  }
  return styled("learned", kLearnedStyle) + "  " +
         styled("learned, a special token", kLearnedSpecialStyle) + "  " +
         styled("special token", kSpecialStyle) + "  only read\n";
}

}  // namespace expandft
