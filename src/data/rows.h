#pragma once

#include "data/dataset.h"
#include "data/rows/row_fields.h"
#include "data/rows/template.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

struct Exchange {
  std::string prompt, completion;
};

/// A row's text. Without a prompt (`text` rows) everything is learned.
struct RenderedRow {
  std::string prompt, completion;
  bool whole_text = false;             // a `text` row: the completion may be cut into blocks
  std::string system = {};             // precedes the first prompt
  std::vector<Exchange> earlier = {};  // earlier exchanges, the oldest first
};

/// Turns JSON rows into prompt and completion: with templates if the options have them, else
/// - {"prompt", "completion"}: as they are;
/// - {"instruction", "input", "output"}: the prompt is "instruction\n\n", then "input\n\n" unless
/// it is
///   missing or empty; the completion is the output. A "system" text and "\n\n" come first, then
///   the "history", a list of [instruction, output];
/// - {"text"}: the whole text is learned.
class RowRenderer {
 public:
  /// Input error for a malformed template, and for a prompt template without a completion template.
  explicit RowRenderer(const DatasetOptions& options);

  bool has_template() const { return completion_.has_value(); }
  /// With the template. Counts the fields that it does not name. Input errors, at `where`, for
  /// fields that it names and the row lacks.
  RenderedRow render(const Json& row, UnreadFields& unread, const std::string& where) const;

 private:
  std::optional<TextTemplate> prompt_, completion_;
};

/// A row of any form except kChat (data/rows/chat_rows.h), without a template. Input errors, at
/// `where`, for fields of the wrong type.
RenderedRow render_row(const Json& row, RowForm form, const std::string& where);

}  // namespace expandft
