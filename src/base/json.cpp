#include "base/json.h"

#include "base/error.h"
#include "base/files.h"
#include "base/numbers.h"
#include "base/utf8.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <unordered_set>
#include <utility>

namespace expandft {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// Records how far the lexer has read: nlohmann's SAX events carry no position.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

/// "3:14": line and column (in characters) of the last character read.
std::string line_and_column(std::string_view read) {
  const auto line = 1 + std::count(read.begin(), read.end(), '\n');
  if (!read.empty() && read.back() == '\n') {
    return std::to_string(line) + ":1";
  }
  const std::size_t newline = read.rfind('\n');
  const std::string_view last = newline == read.npos ? read : read.substr(newline + 1);
  const std::size_t column = std::max<std::size_t>(character_count(last), 1);
  return std::to_string(line) + ":" + std::to_string(column);
}

/// The start of any text, in ASCII.
std::string excerpt(std::string_view text, std::size_t limit) {
  std::string out;
  for (const char c : text.substr(0, limit)) out += c >= ' ' && c <= '~' ? c : '?';
  if (text.size() > limit) out += "…";
  return out;
}

/// Builds the document and stops at the first error.
class DocumentBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit DocumentBuilder(JsonNumbers numbers) : numbers_(numbers) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override {
    const bool minus_zero = value == 0;  // 0 without a sign is unsigned
    return keeps_texts() && minus_zero ? add(written_number("-0")) : add(value);
  }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return keeps_texts() ? add(written_number(text)) : add(value);
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return fail("binary data, expected JSON"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (!level.keys.insert(name).second) {
      return fail("the key \"" + excerpt(name, 80) +
                  "\" appears twice in one object, expected once");
    }
    level.key = std::move(name);
    return true;
  }

  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string_view text = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …"
    for (const std::string_view lead : {"] ", "column "}) {
      if (const auto at = text.find(lead); at != text.npos) text.remove_prefix(at + lead.size());
    }
    if (const auto at = text.find_first_not_of("0123456789");
        at != text.npos && text.substr(at, 2) == ": ") {
      text.remove_prefix(at + 2);
    }
    return fail("not valid JSON: " + excerpt(text, 240));
  }

  const std::string& fault() const { return fault_; }
  Json take() { return std::move(root_); }

 private:
  struct Level {
    Json* value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool keeps_texts() const { return numbers_ == JsonNumbers::kAsWritten; }

  bool fail(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }

  template <typename Value>
  Json* place(Value&& value) {
    if (levels_.empty()) {
      root_ = Json(std::forward<Value>(value));
      return &root_;
    }
    Level& level = levels_.back();
    if (level.value->is_array()) {
      auto& array = level.value->get_ref<Json::array_t&>();
      return &array.emplace_back(std::forward<Value>(value));
    }
    // Not operator[], whose linear search is quadratic for a vocabulary: `keys` finds duplicates.
    auto& object = level.value->get_ref<Json::object_t&>();
    object.emplace_back(std::move(level.key), Json(std::forward<Value>(value)));
    return &object.back().second;
  }

  template <typename Value>
  bool add(Value&& value) {
    place(std::forward<Value>(value));
    return true;
  }

  bool open(Json empty) {
    if (levels_.size() == kMaxDepth) {
      return fail("nested deeper than " + std::to_string(kMaxDepth) + " levels, expected fewer");
    }
    // A pointer into the parent stays valid: the parent does not grow while its last child is open.
    Json* const child = place(std::move(empty));
    levels_.push_back({child, {}, {}});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  JsonNumbers numbers_;
  Json root_;
  std::vector<Level> levels_;
  std::string fault_;
};

/// Input error for UTF-16, and for NUL bytes, which nlohmann's parser takes for the end of the
/// text.
void check_is_text(std::string_view text, const std::string& where) {
  const char* const hint = "save the file as UTF-8";
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw input_error("found UTF-16 text, expected UTF-8", where + ":1:1", hint);
  }
  const std::size_t null = text.find('\0');
  if (null == text.npos) return;
  throw input_error("found a NUL byte, expected UTF-8 text",
                    where + ":" + line_and_column(text.substr(0, null)), hint);
}

/// The value with written numbers as plain ones, which can be dumped.
Json with_plain_numbers(Json value) {
  if (is_written_number(value)) return Json::parse(*scalar_text(value));
  if (value.is_structured()) {
    for (Json& item : value) item = with_plain_numbers(std::move(item));
  }
  return value;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where, JsonNumbers numbers) {
  text = without_byte_order_mark(text);
  if (text.starts_with(kByteOrderMark)) {  // nlohmann's parser would skip it
    throw input_error("not valid JSON: found a second byte order mark", where + ":1:1");
  }
  check_is_text(text, where);
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* furthest = begin;
  DocumentBuilder builder(numbers);
  const bool parsed = Json::sax_parse(CountingIterator(begin, &furthest),
                                      CountingIterator(end, &furthest), &builder);
  if (!parsed) {
    const std::string_view read = text.substr(0, static_cast<std::size_t>(furthest - begin));
    throw input_error(builder.fault(), where + ":" + line_and_column(read));
  }
  return builder.take();
}

std::string json_excerpt(const Json& value) {
  return excerpt(with_plain_numbers(value).dump(-1, ' ', /*ensure_ascii=*/true,
                                                Json::error_handler_t::replace),
                 120);
}

std::vector<std::string> member_names(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

Json read_json(const std::filesystem::path& file) {
  return parse_json(read_file(file), file.string());
}

}  // namespace expandft
