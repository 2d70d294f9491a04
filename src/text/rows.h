#pragma once

#include "text/dataset.h"
#include "text/template.h"

#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

/// A row's text. Without a prompt field (`text` rows) everything is learned.
struct RenderedRow {
  std::string prompt, completion;
  bool whole_text = false;  // completion is a text of its own, which may be cut into blocks
};

/// Turns JSON rows into prompt and completion: with templates when the options have them, else
/// - {"prompt", "completion"}: as they are;
/// - {"instruction", "input", "output"}: the prompt is "instruction\n\n", then "input\n\n" if there
///   is one that is not empty; the completion is the output;
/// - {"text"}: the whole text is learned.
class RowRenderer {
 public:
  /// Input error for a damaged template and for a prompt without a completion template.
  explicit RowRenderer(const DatasetOptions& options);
  /// Input errors, at `where`: none of the forms fits, or a field is no string.
  RenderedRow render(const Json& row, const std::string& where) const;
  /// Whether the row is a conversation, for text/chat_rows.h: no template and no form with prompt
  /// and answer comes before.
  bool is_chat(const Json& row) const;

 private:
  std::optional<TextTemplate> prompt_, completion_;
};

}  // namespace expandft
