#pragma once

#include "base/json.h"

#include <string>

namespace expandft {

// The parts of a chat row that belong to tools. Templates expect objects where many files have
// JSON as a text: such texts are parsed, or else a template would write them quoted.

/// The row's "tools" (a list of JSON schemas, or its JSON text), or OpenAI's older "functions".
/// Null if there are none. Input errors at `where`.
Json read_tools(const Json& row, const std::string& where);
/// The row's "chat_template_kwargs": an object. Input errors at `where`: something else, and the
/// names that the conversation itself has.
Json read_template_kwargs(const Json& row, const std::string& where);

/// A message's "tool_calls": [{"type": "function", "function": {"name": …, "arguments": {…}}}], or
/// without the "function" around it; or OpenAI's older "function_call". Null if there are none.
/// `path`: the message's place in the row. Input errors at `where`.
Json read_tool_calls(const Json& message, const std::string& path, const std::string& where);
/// The same from a ShareGPT message of "function_call": its value is the JSON text of a call,
/// {"name": …, "arguments": {…}}, or of a list of calls.
Json calls_in_text(const Json& message, const char* field, const std::string& path,
                   const std::string& where);

}  // namespace expandft
