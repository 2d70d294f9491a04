#include "jinja/syntax/lexer.h"

#include "base/python_text.h"
#include "base/wording.h"
#include "jinja/syntax/literals.h"

#include <array>
#include <utility>

namespace expandft::jinja {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(const Source& source) : source_(source), text_(source.text) {}

  std::vector<TemplateToken> run() {
    while (at_ < text_.size()) read_data();
    add(TokenKind::kEnd, text_.size());
    return std::move(tokens_);
  }

 private:
  std::string_view rest(std::size_t at) const { return text_.substr(std::min(at, text_.size())); }
  bool next_is(std::string_view what) const { return rest(at_).starts_with(what); }
  /// The place after the white space at `at`.
  std::size_t skip_space(std::size_t at) const {
    return text_.size() - python_lstrip(rest(at)).size();
  }
  TemplateToken& add(TokenKind kind, std::size_t at, std::string_view text = {}) {
    tokens_.push_back({kind, at, std::string(text), 0, 0});
    return tokens_.back();
  }

  /// Text up to the next tag, and the tag.
  void read_data() {
    std::size_t tag = at_;
    do {
      tag = text_.find('{', tag);
      if (tag == text_.npos) {
        add(TokenKind::kData, at_, rest(at_));
        at_ = text_.size();
        return;
      }
      const std::string_view mark = text_.substr(tag, 2);
      if (mark == "{%" || mark == "{{" || mark == "{#") break;
      ++tag;
    } while (true);
    const char mark = text_[tag + 1];
    const std::string_view sign = sign_at(tag + 2);
    add_data(text_.substr(at_, tag - at_), sign, mark != '{');
    at_ = tag + 2 + sign.size();
    if (mark == '#') {
      read_comment(tag);
    } else if (mark == '{') {
      add(TokenKind::kVariableBegin, tag);
      read_tag(tag, "}}", TokenKind::kVariableEnd);
    } else if (const std::size_t raw = raw_begin(at_); raw != text_.npos) {
      starts_line_ = text_[raw - 1] == '\n';
      at_ = raw;
      read_raw(tag);
    } else {
      add(TokenKind::kBlockBegin, tag);
      read_tag(tag, "%}", TokenKind::kBlockEnd);
    }
  }

  /// "-", "+" or nothing: what follows the mark of a tag.
  std::string_view sign_at(std::size_t at) const {
    const std::string_view sign = rest(at).substr(0, 1);
    return sign == "-" || sign == "+" ? sign : std::string_view();
  }

  /// Text before a tag: "-" strips it, and without a sign white space between the start of the line
  /// and a block is dropped.
  void add_data(std::string_view data, std::string_view sign, bool is_block) {
    const std::size_t at = at_;
    if (sign == "-") {
      data = python_rstrip(data);
    } else if (sign.empty() && is_block) {
      const std::size_t line = data.rfind('\n') + 1;  // 0 without one
      if ((line > 0 || starts_line_) && python_strip(data.substr(line)).empty()) {
        data = data.substr(0, line);
      }
    }
    if (!data.empty()) add(TokenKind::kData, at, data);
  }

  /// The place after a tag's end at `at`, with what it drops; npos if it does not end there.
  std::size_t tag_end(std::size_t at, std::string_view mark, bool is_block) const {
    const std::string_view text = rest(at);
    if (text.starts_with('-') && text.substr(1).starts_with(mark)) return skip_space(at + 3);
    if (is_block && text.starts_with('+') && text.substr(1).starts_with(mark)) return at + 3;
    if (!text.starts_with(mark)) return text_.npos;
    return at + 2 + (is_block && text.substr(2).starts_with('\n') ? 1 : 0);
  }
  void leave(std::size_t end) {
    starts_line_ = text_[end - 1] == '\n';
    at_ = end;
  }

  void read_comment(std::size_t tag) {
    for (std::size_t at = at_; (at = text_.find("#}", at)) != text_.npos; ++at) {
      // A sign before the mark belongs to it.
      const std::size_t sign = at > at_ && !sign_at(at - 1).empty() ? at - 1 : at;
      leave(tag_end(sign, "#}", true));
      return;
    }
    throw source_.error("the comment is not closed: expected \"#}\"", tag);
  }

  /// The place after "raw %}", when that follows.
  std::size_t raw_begin(std::size_t at) const {
    at = skip_space(at);
    if (!rest(at).starts_with("raw")) return text_.npos;
    at = skip_space(at + 3);
    if (rest(at).starts_with("-%}")) return skip_space(at + 3);
    return rest(at).starts_with("%}") ? at + 2 : text_.npos;
  }

  void read_raw(std::size_t tag) {
    for (std::size_t begin = at_; (begin = text_.find("{%", begin)) != text_.npos; ++begin) {
      const std::string_view sign = sign_at(begin + 2);
      std::size_t at = skip_space(begin + 2 + sign.size());
      if (!rest(at).starts_with("endraw")) continue;
      at = skip_space(at + 6);
      const std::size_t end = tag_end(at, "%}", true);
      if (end == text_.npos) continue;
      add_data(text_.substr(at_, begin - at_), sign, true);
      leave(end);
      return;
    }
    throw source_.error("the raw text is not closed: expected \"{% endraw %}\"", tag);
  }

  /// The tokens of a tag up to its end.
  void read_tag(std::size_t tag, std::string_view mark, TokenKind end_kind) {
    std::string open;  // brackets: what would close them
    while (true) {
      if (open.empty()) {
        const std::size_t end = tag_end(at_, mark, end_kind == TokenKind::kBlockEnd);
        if (end != text_.npos) {
          add(end_kind, at_);
          leave(end);
          return;
        }
      }
      if (at_ >= text_.size()) {
        throw source_.error("the tag is not closed: expected \"" + std::string(mark) + "\"", tag);
      }
      if (const std::size_t after = skip_space(at_); after > at_) {
        at_ = after;
      } else if (is_digit(text_[at_])) {
        read_number();
      } else if (is_name_start(text_[at_])) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && (is_name_start(text_[at_]) || is_digit(text_[at_]))) ++at_;
        add(TokenKind::kName, begin, text_.substr(begin, at_ - begin));
      } else if (text_[at_] == '"' || text_[at_] == '\'') {
        read_string();
      } else {
        read_operator(open);
      }
    }
  }

  void read_number() {
    const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';
    const NumberLiteral number = number_literal(rest(at_), !after_dot);
    if (number.is_too_large) {
      throw source_.error("the integer has more than 64 bits", at_);
    }
    TemplateToken& token = add(number.is_float ? TokenKind::kFloat : TokenKind::kInteger, at_);
    token.integer = number.integer;
    token.number = number.number;
    at_ += number.length;
  }

  void read_string() {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) throw source_.error("the string is not closed", begin);
    const std::string_view inside = text_.substr(begin + 1, at_ - begin - 1);
    std::string problem;
    std::string value = unescaped(inside, problem);
    if (!problem.empty()) throw source_.error(problem, begin);
    add(TokenKind::kString, begin, value);
    ++at_;
  }

  void read_operator(std::string& open) {
    constexpr std::array<std::string_view, 6> kPairs = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kSingles = "+-/*%~[](){}><=.:|,;";
    std::string_view found;
    for (const std::string_view pair : kPairs) {
      if (next_is(pair)) found = pair;
    }
    if (found.empty() && kSingles.find(text_[at_]) != kSingles.npos) found = rest(at_).substr(0, 1);
    if (found.empty()) {
      const std::string_view shown = rest(at_).substr(0, character_length_at(at_));
      throw source_.error("unexpected character \"" + printable(shown, "") + "\"", at_);
    }
    const char c = found[0];
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) {
        throw source_.error(
            "unexpected \"" + std::string(found) + "\"" +
                (open.empty() ? "" : ", expected \"" + std::string(1, open.back()) + "\""),
            at_);
      }
      open.pop_back();
    }
    add(TokenKind::kOperator, at_, found);
    at_ += found.size();
  }

  std::size_t character_length_at(std::size_t at) const {
    std::size_t length = 1;
    while (at + length < text_.size() &&
           (static_cast<unsigned char>(text_[at + length]) & 0xC0u) == 0x80u)
      ++length;
    return length;
  }

  const Source& source_;
  std::string_view text_;
  std::size_t at_ = 0;
  bool starts_line_ = true;
  std::vector<TemplateToken> tokens_;
};

}  // namespace

std::vector<TemplateToken> tokenize(const Source& source) {
  return Lexer(source).run();
}

}  // namespace expandft::jinja
