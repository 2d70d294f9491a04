#include "data/unread_fields.h"

#include "base/utf8.h"

#include <algorithm>

namespace expandft {

void UnreadFields::add(std::string_view name, std::int64_t count) {
  constexpr std::size_t kLongest = 80;  // bytes of a name
  std::string kept(cut_to_bytes(name, kLongest));
  const auto found = index_.find(kept);
  if (found != index_.end()) {
    fields_[found->second].count += count;
  } else if (fields_.size() < kNames) {
    index_.emplace(kept, fields_.size());
    fields_.push_back({std::move(kept), count});
  } else {
    has_more_ = true;
  }
}

UnreadFields& UnreadFields::operator+=(const UnreadFields& other) {
  for (const Field& field : other.fields_) add(field.name, field.count);
  has_more_ = has_more_ || other.has_more_;
  return *this;
}

std::string UnreadFields::text() const {
  constexpr std::size_t kShown = 8;
  std::vector<Field> sorted = fields_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Field& a, const Field& b) { return a.count > b.count; });
  const std::size_t shown = std::min(kShown, sorted.size());
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) {
    const std::string times =
        sorted[i].count == 1 ? " (once)" : " (" + std::to_string(sorted[i].count) + " times)";
    text += (i == 0 ? "" : ", ") + sorted[i].name + times;
  }
  const std::size_t left = sorted.size() - shown;
  if (left == 0) return text;
  return text + " and " + (has_more_ ? "more than " : "") + std::to_string(left) + " more";
}

}  // namespace expandft
