#include "tokenizer/pipeline/regular_expression.h"

#include "base/error.h"
#include "base/utf8.h"

#include <algorithm>

#include <oniguruma.h>

namespace expandft {
namespace {

constexpr std::size_t kMaxPattern = 1 << 16;
// Backtracking per match: the engine's default, which the tokenizers package uses too.
constexpr unsigned long kMatchRetries = 10'000'000;
constexpr unsigned long kSearchRetries = 100'000'000;
constexpr unsigned int kMatchStack = 16'000'000;  // entries of some 40 bytes

std::string message_of(int code, OnigErrorInfo* info) {
  OnigUChar text[ONIG_MAX_ERROR_MESSAGE_LEN] = {};
  const int size = info == nullptr ? onig_error_code_to_str(text, code)
                                   : onig_error_code_to_str(text, code, info);
  // The engine quotes parts of the pattern, which can end within a character.
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

using MatchParameters = std::unique_ptr<OnigMatchParam, ParameterDeleter>;

MatchParameters match_parameters() {
  MatchParameters parameters(onig_new_match_param());
  if (parameters == nullptr) throw failure("out of memory");
  onig_initialize_match_param(parameters.get());
  onig_set_retry_limit_in_match_of_match_param(parameters.get(), kMatchRetries);
  onig_set_retry_limit_in_search_of_match_param(parameters.get(), kSearchRetries);
  onig_set_match_stack_limit_size_of_match_param(parameters.get(), kMatchStack);
  return parameters;
}

// The engine takes an escape that Python lacks for the letter itself, or has its own meaning for
// it.
void check_python_escapes(std::string_view pattern, const std::string& where) {
  constexpr std::string_view kKnown = "AbBdDsSwWZafnrtvxuU";
  for (std::size_t at = pattern.find('\\'); at != pattern.npos; at = pattern.find('\\', at + 2)) {
    if (at + 1 == pattern.size()) return;  // the engine reports it
    const char letter = pattern[at + 1];
    const bool is_letter = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
    if (is_letter && kKnown.find(letter) == kKnown.npos) {
      throw input_error(std::string("the regular expression does not compile: bad escape \\") +
                            letter + " at byte " + std::to_string(at),
                        where, "expected what Python's re reads");
    }
  }
}

}  // namespace

struct RegularExpression::Compiled {
  regex_t* regex = nullptr;
  std::string where;
  RegexSyntax syntax = RegexSyntax::kOniguruma;

  ~Compiled() { onig_free(regex); }

  // Calls found(match, region) for each match.
  template <typename Found>
  void search(std::string_view text, Found found) const;
};

template <typename Found>
void RegularExpression::Compiled::search(std::string_view text, Found found) const {
  const std::unique_ptr<OnigRegion, RegionDeleter> region(onig_region_new());
  if (region == nullptr) throw failure("out of memory");
  const MatchParameters parameters = match_parameters();
  const OnigUChar* const begin = bytes_of(text);
  const OnigUChar* const end = begin + text.size();
  const auto check = [&](int result) {
    if (result >= 0 || result == ONIG_MISMATCH) return result;
    throw input_error("the regular expression fails on a text of " + std::to_string(text.size()) +
                          " bytes: " + message_of(result, nullptr),
                      where);
  };
  const auto next = [&](std::size_t at) {
    return at + (at < text.size() ? character_length(text.substr(at)) : 1);
  };
  const bool python = syntax == RegexSyntax::kPython;
  std::size_t from = 0, last_end = text.npos;
  bool after_empty = false;  // Python: only a non-empty match can begin here
  while (from <= text.size()) {
    if (after_empty) {
      after_empty = false;
      if (check(onig_match_with_param(regex, begin, end, begin + from, region.get(),
                                      ONIG_OPTION_FIND_NOT_EMPTY, parameters.get())) < 0) {
        from = next(from);
        continue;
      }
    } else if (check(onig_search_with_param(regex, begin, end, begin + from, end, region.get(),
                                            ONIG_OPTION_NONE, parameters.get())) < 0) {
      return;
    }
    const auto last = static_cast<std::size_t>(region->end[0]);
    // \K inside a look-around can move the start to before this search or beyond the match's end.
    const std::size_t first = std::max(static_cast<std::size_t>(region->beg[0]), from);
    const Match match{std::min(first, last), last};
    const bool empty = match.begin == match.end;
    if (empty && last_end == match.end && !python) {
      from = next(from);
      continue;
    }
    found(match, *region);
    after_empty = python && empty;
    from = last_end = match.end;
  }
}

RegularExpression::RegularExpression(const std::string& pattern, const std::string& where,
                                     RegexSyntax syntax) {
  start_engine();
  if (pattern.size() > kMaxPattern) {
    throw input_error("the regular expression has " + std::to_string(pattern.size()) +
                          " bytes, expected at most " + std::to_string(kMaxPattern),
                      where);
  }
  const bool python = syntax == RegexSyntax::kPython;
  if (python) check_python_escapes(pattern, where);
  auto compiled = std::make_unique<Compiled>();
  compiled->where = where;
  compiled->syntax = syntax;
  OnigErrorInfo info;
  const OnigUChar* begin = bytes_of(pattern);
  const int code =
      onig_new(&compiled->regex, begin, begin + pattern.size(), ONIG_OPTION_NONE,
               ONIG_ENCODING_UTF8, python ? ONIG_SYNTAX_PYTHON : ONIG_SYNTAX_ONIGURUMA, &info);
  if (code != ONIG_NORMAL) {
    compiled->regex = nullptr;
    throw input_error(
        "the regular expression does not compile: " + message_of(code, &info), where,
        python ? "expected what Python's re reads" : "expected what Oniguruma 6.9 reads");
  }
  compiled_ = std::move(compiled);
}

RegularExpression::~RegularExpression() = default;
RegularExpression::RegularExpression(RegularExpression&&) noexcept = default;
RegularExpression& RegularExpression::operator=(RegularExpression&&) noexcept = default;

std::vector<Match> RegularExpression::find_all(std::string_view text) const {
  std::vector<Match> matches;
  compiled_->search(text, [&](const Match& match, const OnigRegion&) { matches.push_back(match); });
  return matches;
}

std::vector<GroupedMatch> RegularExpression::find_all_groups(std::string_view text) const {
  std::vector<GroupedMatch> matches;
  compiled_->search(text, [&](const Match& match, const OnigRegion& region) {
    GroupedMatch& grouped = matches.emplace_back(GroupedMatch{match, {}});
    for (int group = 1; group < region.num_regs; ++group) {
      std::optional<Match>& caught = grouped.groups.emplace_back();
      if (region.beg[group] == ONIG_REGION_NOTPOS) continue;
      caught = Match{static_cast<std::size_t>(region.beg[group]),
                     static_cast<std::size_t>(region.end[group])};
    }
  });
  return matches;
}

}  // namespace expandft
