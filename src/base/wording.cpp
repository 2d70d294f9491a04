#include "base/wording.h"

#include "base/utf8.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

namespace expandft {
namespace {

/// Damerau-Levenshtein distance, restricted form (optimal string alignment): insertions,
/// deletions, substitutions and swaps of neighbours. Three rows of the table are enough.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1,
                             previous[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    std::swap(before, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

}  // namespace

std::string counted(std::int64_t count, std::string_view noun) {
  std::string text = std::to_string(count) + " ";
  text += noun;
  if (count == 1) return text;
  const auto ends_in = [&](std::string_view end) { return noun.ends_with(end); };
  const bool vowel_before_y = ends_in("ay") || ends_in("ey") || ends_in("oy") || ends_in("uy");
  if (ends_in("y") && !vowel_before_y) {
    text.pop_back();
    return text + "ies";
  }
  return text + (ends_in("s") || ends_in("x") || ends_in("ch") || ends_in("sh") ? "es" : "s");
}

std::string quoted_list(const std::vector<std::string>& names, std::size_t most) {
  const std::size_t shown = std::min(most, names.size());
  const std::size_t more = names.size() - shown;
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == shown && more == 0 ? " and " : ", ";
    out += '"' + names[i] + '"';
  }
  return more > 0 ? out + " and " + std::to_string(more) + " more" : out;
}

std::string printable(std::string_view text, std::string_view kept) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character next = decode_character(text);
    const std::string_view bytes = text.substr(0, next.length);
    text.remove_prefix(next.length);
    const bool is_control = next.code < 0x20 || (next.code >= 0x7F && next.code < 0xA0);
    if (is_control && kept.find(bytes) == kept.npos) {
      out += {'\\', 'u', '0', '0', kDigits[next.code >> 4], kDigits[next.code & 0xF]};
    } else {
      out += bytes;
    }
  }
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::size_t limit = std::max<std::size_t>(2, word.size() / 3);
  std::optional<std::size_t> best;
  std::string found;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(word.size(), candidate.size());
    if (longer - std::min(word.size(), candidate.size()) > limit) continue;
    const std::size_t distance = edit_distance(word, candidate);
    // Words that share nothing are not near, however short.
    if (distance > limit || (distance > 0 && distance >= longer)) continue;
    if (!best || distance < *best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string system_message(int error) {
  return std::generic_category().message(error);
}

}  // namespace expandft
