#include "text/rows.h"

#include "base/error.h"
#include "text/chat_rows.h"

namespace expandft {
namespace {

const std::string& row_string(const Json& row, const char* name, const std::string& where) {
  const Json& value = row[name];
  if (!value.is_string()) {
    throw input_error("the field \"" + std::string(name) + "\" is " +
                          (value.is_null() ? "null" : std::string("of type ") + value.type_name()) +
                          ", expected a string",
                      where, "data.template renders numbers and nested fields");
  }
  return value.get_ref<const std::string&>();
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

RenderedRow RowRenderer::render(const Json& row, const std::string& where) const {
  if (completion_) {
    return {prompt_ ? prompt_->render(row, where) : "", completion_->render(row, where), false};
  }
  if (row.contains("prompt") && row.contains("completion")) {
    return {row_string(row, "prompt", where), row_string(row, "completion", where), false};
  }
  if (row.contains("instruction") && row.contains("output")) {
    RenderedRow rendered;
    rendered.prompt = row_string(row, "instruction", where) + "\n\n";
    if (row.contains("input") && !row["input"].is_null()) {
      const std::string& input = row_string(row, "input", where);
      if (!input.empty()) rendered.prompt += input + "\n\n";
    }
    rendered.completion = row_string(row, "output", where);
    return rendered;
  }
  if (row.contains("text")) return {"", row_string(row, "text", where), true};
  std::string fields;
  for (const auto& item : row.items()) fields += (fields.empty() ? "" : ", ") + item.key();
  throw input_error(
      "expected the fields prompt and completion, or instruction and output, or messages, or text; "
      "found: " +
          (fields.empty() ? "no fields" : fields),
      where, "say with data.template how a row becomes text");
}

bool RowRenderer::is_chat(const Json& row) const {
  return !completion_ && is_chat_row(row) &&
         !(row.contains("prompt") && row.contains("completion")) &&
         !(row.contains("instruction") && row.contains("output"));
}

}  // namespace expandft
