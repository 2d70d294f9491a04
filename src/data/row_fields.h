#pragma once

#include "base/json.h"
#include "data/template.h"
#include "data/unread_fields.h"

#include <string>

namespace expandft {

/// What makes a row text, by the fields that it has: the first of these that fits.
enum class RowForm {
  kPrompt,       // "prompt" and "completion"
  kInstruction,  // "instruction" and "output": Alpaca's
  kChat,         // "messages" or "conversations"
  kText,         // "text"
};

/// Input error at `where` when the row has the fields of no form.
RowForm row_form(const Json& row, const std::string& where);

/// "null", or "of type number": what a message says it found.
std::string found_kind(const Json& value);

/// Whether a field says nothing: null, an empty text, list or object, or the text of such a one
/// ("[]", as LLaMA-Factory writes a row without tools).
bool is_blank(const Json& value);

/// Counts the row's fields that its form does not read. Input error at `where` for those that
/// would change what the model is given or what it learns: tools, documents, images, a system text
/// or a history where the form has no place for it, a weight other than 1, a label that is false.
void check_row_fields(const Json& row, RowForm form, UnreadFields& unread,
                      const std::string& where);
/// Whether a message's field, which no form reads, can be passed over without a word: it could
/// change what the model is given, and says nothing. Input error, at `where`, when it says
/// something; `path` is the message's place in the row.
bool is_blank_of_refused(const std::string& name, const Json& value, const std::string& path,
                         const std::string& where);

/// The system text that stands beside a conversation or an instruction ("system", "system_prompt"
/// or "system_message"), or "". Input errors at `where`: it is no text, or two of them differ.
std::string system_text(const Json& row, const std::string& where);

}  // namespace expandft
