#include "cli/help_formatter.h"

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

namespace expandft {
namespace {

constexpr std::size_t kWidth = 100, kNameWidth = 28;

/// The words of a text in lines of `width`.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width)
      lines.emplace_back();
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

/// Two columns; a name that is too long has a line of its own.
std::string two_columns(const std::string& name, const std::string& text) {
  std::string out = "  " + name;
  if (text.empty()) return out + "\n";
  std::size_t column = out.size();
  if (column + 2 > kNameWidth) {
    out += "\n";
    column = 0;
  }
  for (const std::string& line : wrapped(text, kWidth - kNameWidth)) {
    out += std::string(kNameWidth - column, ' ') + line + "\n";
    column = 0;
  }
  return out;
}

std::string first_sentence(const std::string& text) {
  return text.substr(0, std::min(text.find(". "), text.find(".\n")));
}

}  // namespace

std::string HelpFormatter::make_description(const CLI::App* app) const {
  std::string out;
  for (const std::string& line : wrapped(app->get_description(), kWidth)) out += line + "\n";
  return out + "\n";
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode mode) const {
  std::string first, last;
  for (const std::string& group : app->get_groups()) {
    const auto options = app->get_options([&](const CLI::Option* option) {
      return option->get_group() == group && option->nonpositional();
    });
    if (group.empty() || options.empty()) continue;
    (group.starts_with("Global") ? last : first) += make_group(group, false, options);
  }
  return make_description(app) + make_usage(app, std::move(name)) + make_positionals(app) +
         make_subcommands(app, mode) + first + last + "\n" + make_footer(app);
}

std::string HelpFormatter::make_subcommand(const CLI::App* sub) const {
  return two_columns(sub->get_name(), first_sentence(sub->get_description()));
}

// An option group: its name, what it says, and its options, positionals included.
std::string HelpFormatter::make_expanded(const CLI::App* sub) const {
  std::string out = "\n" + sub->get_group() + ": " + sub->get_description() + "\n";
  for (const CLI::Option* option : sub->get_options()) {
    if (option != sub->get_help_ptr()) out += make_option(option, !option->nonpositional());
  }
  return out;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  const std::string name = is_positional
                               ? make_option_name(option, true)
                               : make_option_name(option, false) + make_option_opts(option);
  const std::string type = option->get_type_name();
  return two_columns(is_positional && !type.empty() ? type.substr(0, type.find(':')) : name,
                     make_option_desc(option));
}

// Validators add themselves to the type's name after a colon; what they demand, the help says.
std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  const std::string type = option->get_type_name();
  if (option->get_type_size() == 0 || type.empty()) return {};
  return " " + type.substr(0, type.find(':'));
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  if (option->get_required()) text += " (required)";
  if (!option->get_default_str().empty()) text += " (default: " + option->get_default_str() + ")";
  return text;
}

}  // namespace expandft
