#include "data/rows/template_filters.h"

#include "base/error.h"
#include "base/numbers.h"
#include "base/python_text.h"
#include "base/wording.h"

#include <algorithm>

namespace expandft {
namespace {

constexpr std::size_t kLetters = 26;

const TextFilters& general_filters() {
  static const TextFilters filters = {
      {"strip", {[](const std::string& text) { return std::string(python_strip(text)); }}},
      {"lstrip", {[](const std::string& text) { return std::string(python_lstrip(text)); }}},
      {"rstrip", {[](const std::string& text) { return std::string(python_rstrip(text)); }}},
      {"capitalize", {python_capitalize}},
      {"last_word", {[](const std::string& text) {
         const std::size_t blank = text.rfind(' ');
         return blank == text.npos ? text : text.substr(blank + 1);
       }}},
      {"without_last_word", {[](const std::string& text) {
         const std::size_t blank = text.rfind(' ');
         return blank == text.npos ? std::string() : text.substr(0, blank);
       }}},
  };
  return filters;
}

bool takes_argument(const std::string& name) {
  return name == "before" || name == "after";
}

std::vector<std::string> known_filters(const TextFilters& more) {
  std::vector<std::string> names = {"before", "after", "options", "letters"};
  for (const TextFilters* filters : {&general_filters(), &more}) {
    for (const auto& [name, filter] : *filters) names.push_back(name);
  }
  return names;
}

std::string kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return std::string("a ") + json_type_name(value);
}

}  // namespace

TemplateFilter TemplateFilter::parse(std::string_view text, const std::string& where,
                                     const TextFilters& more) {
  TemplateFilter filter;
  const std::size_t colon = text.find(':');
  filter.name_ = text.substr(0, colon);
  if (colon != text.npos) filter.argument_ = text.substr(colon + 1);
  const std::vector<std::string> known = known_filters(more);
  if (std::find(known.begin(), known.end(), filter.name_) == known.end()) {
    const std::string near = nearest(filter.name_, known);
    std::string list;
    for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
    throw input_error("found the filter \"" + filter.name_ + "\"; expected one of " + list, where,
                      near.empty() ? "" : "did you mean \"" + near + "\"?");
  }
  if (takes_argument(filter.name_) != !filter.argument_.empty()) {
    throw input_error(takes_argument(filter.name_)
                          ? "the filter \"" + filter.name_ + "\" needs a text, as in {field|" +
                                filter.name_ + ":TEXT}"
                          : "the filter \"" + filter.name_ +
                                "\" takes no text after it, found \":" + filter.argument_ + "\"",
                      where);
  }
  for (const TextFilters* filters : {&general_filters(), &more}) {
    if (const auto found = filters->find(filter.name_); found != filters->end()) {
      filter.of_text_ = found->second;
    }
  }
  return filter;
}

Json TemplateFilter::apply(const Json& value, const std::string& place,
                           const std::string& where) const {
  const auto wrong = [&](const Json& found, const std::string& expected) {
    return input_error(
        place + " is " + kind_of(found) + ", and its filter " + name_ + " expected " + expected,
        where);
  };
  if (name_ == "options" || name_ == "letters") {
    if (!value.is_array()) throw wrong(value, "a list");
    if (value.size() > kLetters) {
      throw input_error(place + " has " + std::to_string(value.size()) + " items, and its filter " +
                            name_ + " has letters for 26",
                        where);
    }
    Json letters = Json::array();
    std::string lines;
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string letter(1, static_cast<char>('A' + i));
      const auto text = scalar_text(value[i]);
      if (!text) throw wrong(value[i], "texts in the list");
      letters.push_back(letter);
      lines += (i == 0 ? "" : "\n") + letter + ". " + *text;
    }
    return name_ == "options" ? Json(lines) : letters;
  }
  const bool takes_lists = !of_text_ || of_text_->takes_lists;
  if (value.is_array() && takes_lists) {
    Json list = Json::array();
    for (const Json& one : value) {
      if (one.is_array()) throw wrong(one, "texts in the list");
      list.push_back(apply(one, place, where));
    }
    return list;
  }
  const auto text = scalar_text(value);
  if (!text) throw wrong(value, takes_lists ? "a text or a list of texts" : "a text");
  if (of_text_) return of_text_->apply(*text);
  const std::size_t found = text->find(argument_);
  if (found == text->npos) {
    throw input_error(place + " has no \"" + argument_ + "\", which its filter " + name_ +
                          " looks for; found: \"" + *text + "\"",
                      where);
  }
  return name_ == "before" ? text->substr(0, found) : text->substr(found + argument_.size());
}

}  // namespace expandft
