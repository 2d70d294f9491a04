#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace expandft {

/// The fields of rows and messages that nothing reads, each with the number of times it was there.
/// The first kNames names are told apart, so that rows with ever new names do not fill the memory.
class UnreadFields {
 public:
  static constexpr std::size_t kNames = 1000;

  struct Field {
    std::string name;
    std::int64_t count = 0;
    bool operator==(const Field&) const = default;
  };

  /// A field by the name that people shall see: "id", "messages[].name".
  void add(std::string_view name, std::int64_t count = 1);
  UnreadFields& operator+=(const UnreadFields& other);

  bool empty() const { return fields_.empty(); }
  /// In the order in which they first appeared.
  const std::vector<Field>& fields() const { return fields_; }
  /// "id (29000 times), url (12 times) and 7 more": the most frequent ones.
  std::string text() const;

  bool operator==(const UnreadFields& other) const {
    return fields_ == other.fields_ && has_more_ == other.has_more_;
  }

 private:
  std::vector<Field> fields_;
  std::unordered_map<std::string, std::size_t> index_;  // of each name in fields_
  bool has_more_ = false;                               // names past kNames
};

}  // namespace expandft
