#pragma once

#include "chat/model_chat.h"
#include "data/dataset.h"
#include "data/row_encoder.h"
#include "data/rows.h"

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace expandft {

/// Whether the file is one text. Input errors: an unknown ending, and a template for a text.
bool is_plain_text(const DatasetOptions& options);

/// Reads and encodes rows. Threads may share it.
class RowReader {
 public:
  /// Both must outlive the reader.
  RowReader(const DatasetOptions& options, const Tokenizer& tokenizer);

  /// A row's line: one example, or more. Counts the fields that nothing reads.
  std::vector<EncodedRow> read(std::string_view text, std::int64_t line,
                               UnreadFields& unread) const;

 private:
  const ModelChat& chat() const;

  const DatasetOptions& options_;
  const Tokenizer& tokenizer_;
  RowRenderer renderer_;
  RowEncoder encoder_;
  mutable std::once_flag chat_known_;
  mutable std::optional<ModelChat> chat_;  // made when the first row needs it
};

}  // namespace expandft
