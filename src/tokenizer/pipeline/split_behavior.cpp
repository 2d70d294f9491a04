#include "tokenizer/pipeline/split_behavior.h"

#include <algorithm>

namespace expandft {
namespace {

// Each run of matches is one part, and so is each run of other parts.
std::vector<Match> contiguous(const std::vector<SplitPart>& parts) {
  std::vector<Match> spans;
  bool previous = false;
  for (const SplitPart& part : parts) {
    if (part.matched == previous && !spans.empty()) {
      spans.back().end = part.span.end;
    } else {
      spans.push_back(part.span);
    }
    previous = part.matched;
  }
  return spans;
}

// Of neighbouring matches only the first is merged.
std::vector<Match> merged_with_previous(const std::vector<SplitPart>& parts) {
  std::vector<Match> spans;
  bool previous = false;
  for (const SplitPart& part : parts) {
    if (part.matched && !previous && !spans.empty()) {
      spans.back().end = part.span.end;
    } else {
      spans.push_back(part.span);
    }
    previous = part.matched;
  }
  return spans;
}

// Of neighbouring matches only the last is merged.
std::vector<Match> merged_with_next(const std::vector<SplitPart>& parts) {
  std::vector<Match> spans;
  bool next = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->matched && !next && !spans.empty()) {
      spans.back().begin = part->span.begin;
    } else {
      spans.push_back(part->span);
    }
    next = part->matched;
  }
  std::reverse(spans.begin(), spans.end());
  return spans;
}

std::vector<Match> each(const std::vector<SplitPart>& parts, bool with_matches) {
  std::vector<Match> spans;
  for (const SplitPart& part : parts) {
    if (with_matches || !part.matched) spans.push_back(part.span);
  }
  return spans;
}

std::vector<Match> split(const std::vector<SplitPart>& parts, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return each(parts, false);
    case SplitBehavior::kIsolated:
      return each(parts, true);
    case SplitBehavior::kMergedWithPrevious:
      return merged_with_previous(parts);
    case SplitBehavior::kMergedWithNext:
      return merged_with_next(parts);
    case SplitBehavior::kContiguous:
      return contiguous(parts);
  }
  return {};
}

}  // namespace

SplitBehavior read_split_behavior(const JsonNode& node) {
  const std::string& name = node.text();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  node.wrong("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
}

std::vector<SplitPart> parts_of(const std::vector<Match>& matches, std::size_t size, bool invert) {
  std::vector<SplitPart> parts;
  parts.reserve(2 * matches.size() + 1);
  std::size_t plain = 0;
  for (const Match& match : matches) {
    if (plain != match.begin) parts.push_back({{plain, match.begin}, invert});
    parts.push_back({match, !invert});
    plain = match.end;
  }
  if (plain != size) parts.push_back({{plain, size}, invert});
  return parts;
}

void append_split(const std::vector<SplitPart>& parts, SplitBehavior behavior, std::size_t offset,
                  std::vector<Match>& spans) {
  for (const Match& span : split(parts, behavior)) {
    if (span.begin < span.end) spans.push_back({offset + span.begin, offset + span.end});
  }
}

}  // namespace expandft
