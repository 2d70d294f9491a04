#pragma once

#include "base/error.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace expandft::jinja {

/// The text with LF for CR LF and CR.
std::string with_line_feeds(std::string_view text);

/// A template's text as Jinja reads it: CR LF and CR become LF, and one line end at the end is
/// dropped. Offsets of tokens and nodes are bytes of `text`.
struct Source {
  std::string name;  // of the template, for messages
  std::string text;

  /// Input errors: text that is not UTF-8, or longer than 4 MB.
  Source(std::string_view text, std::string name);
  /// "name:line:column", both from 1; columns count characters.
  std::string place(std::size_t offset) const;
  Error error(std::string what, std::size_t offset, std::string hint = {}) const;
};

}  // namespace expandft::jinja
