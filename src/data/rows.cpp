#include "data/rows.h"

#include "base/error.h"

namespace expandft {
namespace {

const std::string& row_string(const Json& row, const char* name, const std::string& where) {
  const Json& value = row[name];
  if (value.is_string()) return value.get_ref<const std::string&>();
  const bool is_conversation = value.is_array() && !value.empty() && value[0].contains("content");
  throw input_error(
      "the field \"" + std::string(name) + "\" is " + found_kind(value) + ", expected a string",
      where,
      is_conversation ? "write a conversation as one list, \"messages\""
                      : "data.template renders numbers and nested fields");
}

/// Alpaca's earlier turns. A row without any may have null, "" or [].
std::vector<Exchange> read_history(const Json& row, const std::string& where) {
  std::vector<Exchange> exchanges;
  if (!row.contains("history") || is_blank(row["history"])) return exchanges;
  const Json& history = row["history"];
  if (!history.is_array()) {
    throw input_error("the field \"history\" is " + found_kind(history) +
                          ", expected a list of [instruction, output]",
                      where);
  }
  for (const Json& turn : history) {
    const bool is_pair =
        turn.is_array() && turn.size() == 2 && turn[0].is_string() && turn[1].is_string();
    if (!is_pair) {
      throw input_error("history." + std::to_string(exchanges.size()) + " is " +
                            json_excerpt(turn) + ", expected two texts, [instruction, output]",
                        where);
    }
    exchanges.push_back({turn[0].get<std::string>() + "\n\n", turn[1].get<std::string>()});
  }
  return exchanges;
}

RenderedRow render_instruction(const Json& row, const std::string& where) {
  RenderedRow rendered;
  rendered.system = system_text(row, where);
  if (!rendered.system.empty()) rendered.system += "\n\n";
  rendered.earlier = read_history(row, where);
  rendered.prompt = row_string(row, "instruction", where) + "\n\n";
  if (row.contains("input") && !row["input"].is_null()) {
    const std::string& input = row_string(row, "input", where);
    if (!input.empty()) rendered.prompt += input + "\n\n";
  }
  rendered.completion = row_string(row, "output", where);
  return rendered;
}

}  // namespace

RowRenderer::RowRenderer(const DatasetOptions& options) {
  if (options.prompt && !options.completion) {
    throw input_error("the template has a prompt but no completion: nothing would be learned",
                      options.template_key, "add " + options.template_key + ".completion");
  }
  if (options.prompt)
    prompt_ = TextTemplate::parse(*options.prompt, options.template_key + ".prompt");
  if (options.completion) {
    completion_ = TextTemplate::parse(*options.completion, options.template_key + ".completion");
  }
}

RenderedRow RowRenderer::render(const Json& row, UnreadFields& unread,
                                const std::string& where) const {
  RenderedRow rendered;
  if (prompt_) rendered.prompt = prompt_->render(row, where);
  rendered.completion = completion_->render(row, where);
  for (const auto& [name, value] : row.get_ref<const Json::object_t&>()) {
    const bool is_read = completion_->reads(name) || (prompt_ && prompt_->reads(name));
    if (!is_read && !value.is_null()) unread.add(name);
  }
  return rendered;
}

RenderedRow render_row(const Json& row, RowForm form, const std::string& where) {
  if (form == RowForm::kInstruction) return render_instruction(row, where);
  if (form == RowForm::kText) return {"", row_string(row, "text", where), true};
  return {row_string(row, "prompt", where), row_string(row, "completion", where)};
}

}  // namespace expandft
