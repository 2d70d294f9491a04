#pragma once

#include "jinja/syntax/token.h"
#include "jinja/values/source.h"

#include <vector>

namespace expandft::jinja {

/// The tokens of a template, ending with kEnd, as Jinja 3.1 finds them with trim_blocks and
/// lstrip_blocks: a line end after a block is dropped, and so is white space between the start of a
/// line and a block. Comments and the marks of raw text are left out. Input errors: what is not
/// closed, characters that no token begins with (names are ASCII), numbers beyond 64 bits, escapes
/// that are no characters.
std::vector<TemplateToken> tokenize(const Source& source);

}  // namespace expandft::jinja
