#include "tokenizer/pipeline/bpe_tables.h"

#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace expandft {
namespace {

/// What BpeTables' views point into.
struct TableTexts {
  std::string file;
  std::deque<std::string> unescaped;
};

/// Walks through JSON text. Functions return false where it does not have the expected form, or one
/// that is rare; then the caller gives up, and parse_json decides.
class TableReader {
 public:
  TableReader(TableTexts& texts, std::string_view text) : texts_(texts), text_(text) {}

  struct Range {
    std::size_t begin = 0, end = 0;
  };

  /// Reads the tables of the object that the text holds, and where they stand.
  bool read(BpeTables& tables, Range& vocabulary, Range& merges) {
    const bool known = each_member([&](std::string_view key) {
      if (key != "model") return skip_value();
      return each_member([&](std::string_view part) {
        skip_space();
        const std::size_t begin = at_;
        if (part == "vocab") {
          if (!read_vocabulary(tables.vocabulary)) return false;
          vocabulary = {begin, at_};
        } else if (part == "merges") {
          if (!read_merges(tables.merges)) return false;
          merges = {begin, at_};
        } else {
          return skip_value();
        }
        return true;
      });
    });
    return known && vocabulary.end > 0 && merges.end > 0;
  }

 private:
  static constexpr std::size_t kMostDigits = 7;

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  /// Whether the next character after white space is `c`, which is then passed.
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  /// Calls `read` behind each key of an object.
  template <typename Read>
  bool each_member(const Read& read) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string_view key;
      if (!read_string(key) || !take(':') || !read(key)) return false;
    } while (take(','));
    return take('}');
  }

  /// A string that is valid JSON, apart from invalid UTF-8.
  bool read_string(std::string_view& string) {
    if (!take('"')) return false;
    const std::size_t begin = at_;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        string = text_.substr(begin, at_++ - begin);
        return true;
      }
      if (c == '\\') return read_escapes(begin, string);
      if (static_cast<unsigned char>(c) < ' ') return false;
    }
    return false;
  }

  /// The rest of a string from its first backslash on.
  bool read_escapes(std::size_t begin, std::string_view& string) {
    std::string whole(text_.substr(begin, at_ - begin));
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') {
        string = texts_.unescaped.emplace_back(std::move(whole));
        return true;
      }
      if (static_cast<unsigned char>(c) < ' ') return false;
      if (c != '\\') {
        whole += c;
      } else if (!read_escape(whole)) {
        return false;
      }
    }
    return false;
  }

  bool read_escape(std::string& whole) {
    if (at_ == text_.size()) return false;
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (name != 'u') {
      const std::size_t found = kNames.find(name);
      if (found == kNames.npos) return false;
      whole += kMeant[found];
      return true;
    }
    char32_t code = 0;
    if (!read_unit(code) || code == 0) return false;  // parse_json has its say about NUL
    if (code >= 0xD800 && code < 0xE000) {
      char32_t low = 0;
      if (code >= 0xDC00 || !text_.substr(at_).starts_with("\\u")) return false;
      at_ += 2;
      if (!read_unit(low) || low < 0xDC00 || low >= 0xE000) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_character(whole, code);
    return true;
  }

  /// Four hexadecimal digits.
  bool read_unit(char32_t& unit) {
    if (text_.size() - at_ < 4) return false;
    for (const std::size_t end = at_ + 4; at_ < end; ++at_) {
      const char c = text_[at_];
      const char lower = static_cast<char>(c | 0x20);
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && (lower < 'a' || lower > 'f')) return false;
      unit = unit * 16 + static_cast<char32_t>(is_digit ? c - '0' : lower - 'a' + 10);
    }
    return true;
  }

  /// A value whose form is not checked: parse_json will.
  bool skip_value() {
    std::size_t depth = 0;
    do {
      skip_space();
      if (at_ == text_.size()) return false;
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return false;
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) return false;
        --depth;
        ++at_;
      } else if (c == ',' || c == ':') {
        if (depth == 0) return false;
        ++at_;
      } else {
        at_ = std::min(text_.find_first_of(" \n\t\r,:{}[]\"", at_), text_.size());
      }
    } while (depth > 0);
    return true;
  }

  bool skip_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return true;
      }
    }
    return false;
  }

  bool read_vocabulary(std::vector<BpeTables::Token>& tokens) {
    tokens.reserve(1 << 17);
    return each_member([&](std::string_view text) {
      TokenId id = 0;
      if (!read_id(id)) return false;
      tokens.push_back({text, id});
      return true;
    });
  }

  bool read_id(TokenId& id) {
    skip_space();
    const std::size_t begin = at_;
    for (; at_ < text_.size() && at_ - begin <= kMostDigits; ++at_) {
      const char c = text_[at_];
      if (c < '0' || c > '9') break;
      id = id * 10 + (c - '0');
    }
    const std::size_t digits = at_ - begin;
    const bool leads_with_zero = digits > 1 && text_[begin] == '0';
    return digits > 0 && digits <= kMostDigits && !leads_with_zero && id <= kLargestTokenId;
  }

  bool read_merges(std::vector<BpeTables::Merge>& merges) {
    merges.reserve(1 << 17);
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      BpeTables::Merge merge;
      if (take('[')) {
        if (!read_string(merge.left) || !take(',') || !read_string(merge.right) || !take(']')) {
          return false;
        }
      } else {
        std::string_view line;
        if (!read_string(line) || line.starts_with("#version")) return false;
        const std::size_t space = line.find(' ');
        if (space == line.npos || line.find(' ', space + 1) != line.npos) return false;
        merge = {line.substr(0, space), line.substr(space + 1)};
      }
      merges.push_back(merge);
    } while (take(','));
    return take(']');
  }

  TableTexts& texts_;
  std::string_view text_;
  std::size_t at_ = 0;
};

/// The text without its tables. Nothing if they are not there as expected.
std::optional<std::string> take_tables(TableTexts& texts, BpeTables& tables) {
  using Range = TableReader::Range;
  const std::string_view text = texts.file;
  const std::size_t mark = text.size() - without_byte_order_mark(text).size();
  Range vocabulary, merges;
  if (!TableReader(texts, text.substr(mark)).read(tables, vocabulary, merges)) return std::nullopt;
  if (find_invalid_utf8(text) != text.npos) return std::nullopt;
  std::string rest(text.substr(0, mark));
  std::size_t done = mark;
  const auto leave_out = [&](const Range& range, const char* empty) {
    rest += text.substr(done, mark + range.begin - done);
    rest += empty;
    done = mark + range.end;
  };
  const bool is_first = vocabulary.begin < merges.begin;
  if (is_first) leave_out(vocabulary, "{}");
  leave_out(merges, "[]");
  if (!is_first) leave_out(vocabulary, "{}");
  rest += text.substr(done);
  return rest;
}

}  // namespace

TokenizerContent parse_tokenizer_json(std::string text, const std::string& where) {
  const auto texts = std::make_shared<TableTexts>();
  texts->file = std::move(text);
  BpeTables tables;
  if (const auto rest = take_tables(*texts, tables)) {
    try {
      Json json = parse_json(*rest, where);
      tables.texts = texts;
      return {std::move(json), std::move(tables)};
    } catch (const Error&) {
      // The whole text gives the error its right place.
    }
  }
  return {parse_json(texts->file, where), std::nullopt};
}

}  // namespace expandft
