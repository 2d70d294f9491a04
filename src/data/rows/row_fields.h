#pragma once

#include "base/json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace expandft {

/// The fields of rows and messages that nothing reads, each with its count. Only the first kNames
/// names are kept, so that rows with ever new names do not fill the memory.
class UnreadFields {
 public:
  static constexpr std::size_t kNames = 1000;

  struct Field {
    std::string name;
    std::int64_t count = 0;
    bool operator==(const Field&) const = default;
  };

  /// A field by its name in messages: "id", "messages[].name".
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
  bool has_more_ = false;                               // more than kNames names
};

/// How a row becomes text. Its fields decide: the first form that fits.
enum class RowForm {
  kPrompt,       // "prompt" and "completion"
  kInstruction,  // "instruction" and "output": Alpaca's
  kChat,         // "messages" or "conversations"
  kText,         // "text"
};

/// Input error at `where` when the row has the fields of no form.
RowForm row_form(const Json& row, const std::string& where);

/// "null", or "of type number", for messages.
std::string found_kind(const Json& value);

/// Whether a field is empty: null, an empty text, list or object, or the text of an empty one
/// ("[]", which LLaMA-Factory writes in a row without tools).
bool is_blank(const Json& value);

/// Counts the row's fields that its form does not read. Input error at `where` for fields that
/// would change what the model reads or learns: tools, documents, images, a system text or a
/// history that the form has no place for, a weight other than 1, a label that is false.
void check_row_fields(const Json& row, RowForm form, UnreadFields& unread,
                      const std::string& where);
/// Whether a message's field could change what the model reads but is empty, and so needs no
/// notice. Input error, at `where`, when it is not empty. `path`: the message's place in the row.
bool is_blank_of_refused(const std::string& name, const Json& value, const std::string& path,
                         const std::string& where);

/// The system text beside a conversation or an instruction ("system", "system_prompt" or
/// "system_message"), or "". Input errors at `where`: it is not a text, or two of them differ.
std::string system_text(const Json& row, const std::string& where);

}  // namespace expandft
