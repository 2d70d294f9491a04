#pragma once

#include "jinja/syntax/syntax.h"
#include "jinja/values/source.h"

namespace expandft::jinja {

/// What Jinja refuses when it compiles a template, whether or not the place is ever reached:
/// filters and tests that do not exist, unless they stand directly within an if or a conditional
/// expression; assignments to `loop` within a loop. Input errors.
void check_syntax(const Source& source, const Body& body);

}  // namespace expandft::jinja
