#include "text/regular_expression.h"

#include "base/error.h"
#include "text/utf8.h"

#include <algorithm>

#include <oniguruma.h>

namespace expandft {
namespace {

constexpr std::size_t kMaxPattern = 1 << 16;
// Backtracking: per match the engine's own limit, which the tokenizers package keeps.
constexpr unsigned long kMatchRetries = 10'000'000;
constexpr unsigned long kSearchRetries = 100'000'000;
constexpr unsigned int kMatchStack = 16'000'000;  // entries of some 40 bytes

std::string message_of(int code, OnigErrorInfo* info) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN] = {};
  const int size = info == nullptr ? onig_error_code_to_str(text, code)
                                   : onig_error_code_to_str(text, code, info);
  // The engine repeats parts of the pattern, which may be cut inside a character.
  return replace_invalid_utf8({reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)},
                              Replacing::kEachByte);
}

void start_engine() {
  static const int started = [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    return onig_initialize(encodings, 1);
  }();
  if (started != ONIG_NORMAL)
    throw failure("Oniguruma does not start: " + message_of(started, nullptr));
}

const OnigUChar* bytes_of(std::string_view text) {
  return reinterpret_cast<const OnigUChar*>(text.data());
}

struct RegionDeleter {
  void operator()(OnigRegion* region) const { onig_region_free(region, 1); }
};
struct ParameterDeleter {
  void operator()(OnigMatchParam* parameters) const { onig_free_match_param(parameters); }
};

}  // namespace

struct RegularExpression::Compiled {
  regex_t* regex = nullptr;
  std::string where;

  ~Compiled() { onig_free(regex); }
};

RegularExpression::RegularExpression(const std::string& pattern, const std::string& where) {
  start_engine();
  if (pattern.size() > kMaxPattern) {
    throw input_error("the regular expression has " + std::to_string(pattern.size()) +
                          " bytes, expected at most " + std::to_string(kMaxPattern),
                      where);
  }
  auto compiled = std::make_unique<Compiled>();
  compiled->where = where;
  OnigErrorInfo info;
  const OnigUChar* begin = bytes_of(pattern);
  const int code = onig_new(&compiled->regex, begin, begin + pattern.size(), ONIG_OPTION_NONE,
                            ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
  if (code != ONIG_NORMAL) {
    compiled->regex = nullptr;
    throw input_error("the regular expression does not compile: " + message_of(code, &info), where,
                      "expected what Oniguruma 6.9 reads");
  }
  compiled_ = std::move(compiled);
}

RegularExpression::~RegularExpression() = default;
RegularExpression::RegularExpression(RegularExpression&&) noexcept = default;
RegularExpression& RegularExpression::operator=(RegularExpression&&) noexcept = default;

std::vector<Match> RegularExpression::find_all(std::string_view text) const {
  const std::unique_ptr<OnigRegion, RegionDeleter> region(onig_region_new());
  const std::unique_ptr<OnigMatchParam, ParameterDeleter> parameters(onig_new_match_param());
  if (region == nullptr || parameters == nullptr) throw failure("out of memory");
  onig_initialize_match_param(parameters.get());
  onig_set_retry_limit_in_match_of_match_param(parameters.get(), kMatchRetries);
  onig_set_retry_limit_in_search_of_match_param(parameters.get(), kSearchRetries);
  onig_set_match_stack_limit_size_of_match_param(parameters.get(), kMatchStack);

  std::vector<Match> matches;
  const OnigUChar* const begin = bytes_of(text);
  const OnigUChar* const end = begin + text.size();
  std::size_t from = 0;
  while (from <= text.size()) {
    const int found = onig_search_with_param(compiled_->regex, begin, end, begin + from, end,
                                             region.get(), ONIG_OPTION_NONE, parameters.get());
    if (found == ONIG_MISMATCH) break;
    if (found < 0) {
      throw input_error("the regular expression fails on a text of " + std::to_string(text.size()) +
                            " bytes: " + message_of(found, nullptr),
                        compiled_->where);
    }
    const auto last = static_cast<std::size_t>(region->end[0]);
    // \K inside a look-around can move the start to before this search or past the match's end.
    const std::size_t first = std::max(static_cast<std::size_t>(region->beg[0]), from);
    const Match match{std::min(first, last), last};
    if (match.begin == match.end && !matches.empty() && matches.back().end == match.end) {
      from += from < text.size() ? character_length(text.substr(from)) : 1;
      continue;
    }
    matches.push_back(match);
    from = match.end;
  }
  return matches;
}

}  // namespace expandft
