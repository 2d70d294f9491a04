#include "data/rows/row_fields.h"

#include "base/error.h"
#include "base/numbers.h"
#include "base/python_text.h"
#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <map>

namespace expandft {
namespace {

constexpr std::array<std::string_view, 3> kSystemFields = {"system", "system_prompt",
                                                           "system_message"};

using Names = std::vector<std::string_view>;

bool holds(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Names& read_by(RowForm form) {
  static const std::map<RowForm, Names> all = {
      {RowForm::kPrompt, {"prompt", "completion"}},
      {RowForm::kInstruction,
       {"instruction", "input", "output", "history", "system", "system_prompt", "system_message"}},
      {RowForm::kChat,
       {"system", "system_prompt", "system_message", "tools", "functions", "chat_template_kwargs"}},
      {RowForm::kText, {"text"}},
  };
  return all.at(form);
}

const char* const kToolsHint =
    "tools belong to rows with messages, and calls to the assistant's messages there";
const char* const kTextHint = "training uses text only: remove these rows";
const char* const kPlaceHint =
    "put it into the prompt, or define with data.template how a row becomes text";

struct Refused {
  Names names;
  const char* hint;
};

/// Fields that would change the context, in rows and messages of any form.
const std::vector<Refused>& refused_everywhere() {
  static const std::vector<Refused> all = {
      {{"tools", "functions", "function_call", "tool_calls"}, kToolsHint},
      {{"documents", "chat_template_kwargs"}, "define with data.template how a row becomes text"},
      {{"image", "images", "video", "videos", "audio", "audios"}, kTextHint},
  };
  return all;
}

const std::vector<Refused>& refused_in(RowForm form) {
  static const std::vector<Refused> prompt = {
      {{"system", "system_prompt", "system_message", "history", "input", "context"}, kPlaceHint}};
  static const std::vector<Refused> instruction = {{{"context"}, kPlaceHint}};
  static const std::vector<Refused> chat = {
      {{"history"}, "put its turns into the list of messages"}};
  static const std::vector<Refused> none;
  switch (form) {
    case RowForm::kPrompt:
      return prompt;
    case RowForm::kInstruction:
      return instruction;
    case RowForm::kChat:
      return chat;
    case RowForm::kText:
      break;
  }
  return none;
}

const std::vector<Refused>& refused_in_messages() {
  static const std::vector<Refused> all = {
      {{"reasoning_content", "reasoning", "thinking"}, "only answers have reasoning: remove it"},
      {{"tool_call_id"}, "only a tool's message has one: remove it"},
      {{"refusal"}, "remove it, or write it into the message as the model does"},
      {{"train_detail", "training_detail", "loss_scale", "loss_weight", "loss_mask", "mask"},
       "a message is learned or not, as a whole: \"weight\" 0 or 1, or \"train\" true or false"},
  };
  return all;
}

/// Whether the field is refused unless it is empty. Input error when it is not.
bool is_refused(const std::vector<Refused>& refused, const std::string& name, const Json& value,
                const std::string& owner, const std::string& where) {
  const auto found = std::find_if(refused.begin(), refused.end(),
                                  [&](const Refused& one) { return holds(one.names, name); });
  if (found == refused.end()) return false;
  if (is_blank(value)) return true;
  throw input_error(owner + " has " + name + ", which is not supported in this version", where,
                    found->hint);
}

/// Whether the field is a row's weight. Input error unless it is 1.
bool is_even_weight(const std::string& name, const Json& value, const std::string& where) {
  if (name != "weight" && name != "sample_weight") return false;
  const std::string text = scalar_text(value).value_or(json_excerpt(value));
  if (text == "1" || text == "1.0") return true;
  throw input_error(
      "the row's " + name + " is " + text + ": all rows of a source have the same weight", where,
      "put these rows into a source with a weight; if the field means something else, "
      "define with data.template how a row becomes text");
}

/// Refuses rows that a field marks as bad answers, as in KTO.
void check_is_wanted(const std::string& name, const Json& value, const std::string& where) {
  if ((name != "label" && name != "kto_tag" && name != "train") || value != false) return;
  throw input_error("the row's " + name + " is false: its answer must not be learned", where,
                    "remove such rows; if the field means something else, define with "
                    "data.template how a row becomes text");
}

}  // namespace

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

RowForm row_form(const Json& row, const std::string& where) {
  if (row.contains("prompt") && row.contains("completion")) return RowForm::kPrompt;
  if (row.contains("instruction") && row.contains("output")) return RowForm::kInstruction;
  if (row.contains("messages") || row.contains("conversations")) return RowForm::kChat;
  if (row.contains("text")) return RowForm::kText;
  std::string fields;
  for (const std::string& name : member_names(row)) fields += (fields.empty() ? "" : ", ") + name;
  const bool is_preference = row.contains("chosen") && row.contains("rejected");
  throw input_error(
      "expected the fields prompt and completion, or instruction and output, or messages, or text; "
      "found: " +
          (fields.empty() ? "no fields" : fields),
      where,
      is_preference ? "training learns answers, not preferences: define with data.template how the "
                      "chosen answer becomes text"
                    : "define with data.template how a row becomes text");
}

std::string found_kind(const Json& value) {
  return value.is_null() ? "null" : std::string("of type ") + json_type_name(value);
}

bool is_blank(const Json& value) {
  if (value.is_null()) return true;
  if (value.is_structured()) return value.empty();
  if (!value.is_string()) return false;
  const std::string_view text = python_strip(value.get_ref<const std::string&>());
  return text.empty() || text == "[]" || text == "{}" || text == "null";
}

void check_row_fields(const Json& row, RowForm form, UnreadFields& unread,
                      const std::string& where) {
  const Names& read = read_by(form);
  const char* const list = row.contains("messages") ? "messages" : "conversations";
  for (const auto& [name, value] : row.get_ref<const Json::object_t&>()) {
    if (holds(read, name) || (form == RowForm::kChat && name == list) || value.is_null()) continue;
    if (is_even_weight(name, value, where)) continue;
    if (form != RowForm::kText) {  // a text is the whole context
      if (is_refused(refused_everywhere(), name, value, "the row", where)) continue;
      if (is_refused(refused_in(form), name, value, "the row", where)) continue;
      check_is_wanted(name, value, where);
    }
    unread.add(name);
  }
}

bool is_blank_of_refused(const std::string& name, const Json& value, const std::string& path,
                         const std::string& where) {
  return is_refused(refused_everywhere(), name, value, path, where) ||
         is_refused(refused_in_messages(), name, value, path, where);
}

std::string system_text(const Json& row, const std::string& where) {
  std::string text;
  std::string_view from;
  for (const std::string_view name : kSystemFields) {
    if (!row.contains(name) || row[name].is_null()) continue;
    const Json& value = row[name];
    if (!value.is_string()) {
      throw input_error(
          "the field \"" + std::string(name) + "\" is " + found_kind(value) + ", expected a text",
          where);
    }
    if (value.get_ref<const std::string&>().empty()) continue;
    if (!from.empty() && value != text) {
      throw input_error("the row's " + std::string(from) + " and " + std::string(name) + " differ",
                        where, "keep the one that the model should read");
    }
    from = name;
    text = value.get<std::string>();
  }
  return text;
}

}  // namespace expandft
