#pragma once

#include <string_view>
#include <vector>

namespace expandft {

struct BuiltinTemplate {
  const char *name, *text;
};

/// Chat templates that every model can be given, by name (`data.chat_template`). They are written
/// for this program, for conversations of text, and give the texts of the published templates
/// (tests/golden/chat, whose README.md has the differences); they do not begin with a default
/// system text. What the model writes in an answer, with the token that ends its turn, is in a
/// generation block. Messages that a template has no place for, it refuses.
const std::vector<BuiltinTemplate>& builtin_templates();

/// nullptr if there is none of that name.
const BuiltinTemplate* find_builtin_template(std::string_view name);

}  // namespace expandft
