#include "cli/usage_error.h"

#include "base/json.h"
#include "base/wording.h"

#include <string>
#include <vector>

namespace expandft {
namespace {

/// "expandft score"
std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// The parser's own words; "--top-k: text" in place of "Could not convert: --top-k = text".
std::string what_of(const CLI::ParseError& error) {
  const std::string text = error.what(), start = "Could not convert: ";
  if (!text.starts_with(start)) return text;
  const std::size_t name = start.size(), equals = text.find(" = ", name);
  if (equals == std::string::npos) return text;
  return text.substr(name, equals - name) + ": \"" + text.substr(equals + 3) + "\" cannot be read";
}

Error unknown_argument(const CLI::App& command, const std::string& argument) {
  const std::string word = argument.substr(0, argument.find('='));
  const bool is_option = word.starts_with("-") && word != "-";
  const bool is_command = !is_option && command.get_parent() == nullptr;
  const std::string near =
      nearest(word, is_command ? command_names(command) : option_names(command));
  std::string what = is_option    ? "unknown option " + word
                     : is_command ? "unknown command " + word
                                  : "unexpected argument \"" + argument + "\"";
  std::string hint = "see " + full_name(command) + " --help";
  if (!near.empty() && (is_option || is_command)) hint = "did you mean " + near + "? " + hint;
  return input_error(std::move(what), full_name(command), std::move(hint));
}

}  // namespace

const CLI::App& chosen_command(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : chosen_command(*chosen.back());
}

Error usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = chosen_command(app);
  // A misspelt required option shows as a missing one first: the misspelling is the better news.
  const std::vector<std::string> in_command = command.remaining(), anywhere = app.remaining(true);
  if (!in_command.empty()) return unknown_argument(command, in_command.front());
  if (!anywhere.empty()) return unknown_argument(app, anywhere.front());
  return input_error(what_of(error), full_name(command), "see " + full_name(command) + " --help");
}

}  // namespace expandft
