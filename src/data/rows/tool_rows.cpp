#include "data/rows/tool_rows.h"

#include "base/error.h"
#include "data/rows/row_fields.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace expandft {
namespace {

/// The value, or what its JSON text holds.
Json parsed(const Json& value, const std::string& path, const std::string& where) {
  if (!value.is_string()) return value;
  return parse_json(value.get_ref<const std::string&>(), where + ": " + path,
                    JsonNumbers::kAsWritten);
}

Json read_arguments(const Json& function, const std::string& path, const std::string& where) {
  if (!function.contains("arguments") || is_blank(function["arguments"])) return Json::object();
  Json arguments = parsed(function["arguments"], path + ".arguments", where);
  if (!arguments.is_object()) {
    throw input_error(path + ".arguments is " + found_kind(arguments) + ", expected an object",
                      where);
  }
  return arguments;
}

Json read_call(const Json& call, const std::string& path, const std::string& where) {
  const bool is_wrapped = call.is_object() && call.contains("function");
  const Json& function = is_wrapped ? call["function"] : call;
  if (!function.is_object() || !function.contains("name") || !function["name"].is_string()) {
    throw input_error(
        path + " has no name, expected " + R"({"function": {"name": …, "arguments": {…}}})", where);
  }
  Json called = function;
  called["arguments"] = read_arguments(function, path, where);
  Json read = Json::object();
  if (is_wrapped) read = call;
  if (!is_wrapped && called.contains("id")) {
    read["id"] = called["id"];
    called.erase("id");
  }
  called.erase("type");
  if (!read.contains("type")) read["type"] = "function";
  read["function"] = std::move(called);
  return read;
}

Json read_calls(const Json& calls, const std::string& path, const std::string& where) {
  if (!calls.is_array()) {
    throw input_error(path + " is " + found_kind(calls) + ", expected a list of calls", where);
  }
  Json read = Json::array();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    read.push_back(read_call(calls[i], path + "." + std::to_string(i), where));
  }
  return read;
}

}  // namespace

Json read_tools(const Json& row, const std::string& where) {
  const bool is_old = !row.contains("tools") || is_blank(row["tools"]);
  const char* const name = is_old ? "functions" : "tools";
  if (!row.contains(name) || is_blank(row[name])) return nullptr;
  const Json tools = parsed(row[name], name, where);
  if (!tools.is_array()) {
    throw input_error(
        std::string("the field \"") + name + "\" is " + found_kind(tools) + ", expected a list",
        where);
  }
  Json read = Json::array();
  for (std::size_t i = 0; i < tools.size(); ++i) {
    if (!tools[i].is_object()) {
      throw input_error(std::string(name) + "." + std::to_string(i) + " is " +
                            found_kind(tools[i]) + ", expected a tool's JSON schema",
                        where);
    }
    // LLaMA-Factory's JSON text and OpenAI's functions lack what templates expect around a
    // function.
    const bool is_bare = tools[i].contains("name") && !tools[i].contains("function");
    const bool wraps = is_bare && (is_old || row[name].is_string());
    read.push_back(wraps ? Json{{"type", "function"}, {"function", tools[i]}} : tools[i]);
  }
  return read;
}

Json read_template_kwargs(const Json& row, const std::string& where) {
  constexpr std::array<std::string_view, 3> kTaken = {"messages", "tools", "add_generation_prompt"};
  const char* const name = "chat_template_kwargs";
  if (!row.contains(name) || is_blank(row[name])) return Json::object();
  const Json kwargs = parsed(row[name], name, where);
  if (!kwargs.is_object()) {
    throw input_error(
        std::string("the field \"") + name + "\" is " + found_kind(kwargs) + ", expected an object",
        where);
  }
  for (const std::string& key : member_names(kwargs)) {
    if (std::ranges::find(kTaken, key) == kTaken.end()) continue;
    throw input_error(std::string(name) + " has " + key + ", which the conversation itself sets",
                      where);
  }
  return kwargs;
}

Json read_tool_calls(const Json& message, const std::string& path, const std::string& where) {
  const auto has = [&](const char* name) {
    return message.contains(name) && !is_blank(message[name]);
  };
  if (has("tool_calls") && has("function_call")) {
    throw input_error(path + " has tool_calls and function_call", where, "keep one of them");
  }
  if (has("tool_calls")) {
    const std::string place = path + ".tool_calls";
    return read_calls(parsed(message["tool_calls"], place, where), place, where);
  }
  if (!has("function_call")) return nullptr;
  const std::string place = path + ".function_call";
  return read_calls(Json::array({parsed(message["function_call"], place, where)}), place, where);
}

Json calls_in_text(const Json& message, const char* field, const std::string& path,
                   const std::string& where) {
  const std::string place = path + "." + field;
  if (!read_tool_calls(message, path, where).is_null()) {
    throw input_error(path + " has calls in its text and beside it", where, "keep one of them");
  }
  if (!message.contains(field) || !message[field].is_string()) {
    throw input_error(place + " is not a text, expected the JSON text of a call", where);
  }
  const Json call = parsed(message[field], place, where);
  return read_calls(call.is_array() ? call : Json::array({call}), place, where);
}

}  // namespace expandft
