#include "config/layer_selection.h"

#include "base/error.h"
#include "base/wording.h"
#include "config/json_check.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

namespace expandft {
namespace {

const char* const kAllowed =
    "allowed: \"all\", \"last:N\", \"first:N\", \"every:N\", \"a-b\", integers (negative ones "
    "count "
    "from the end), a list of those, or {\"auto\": N}";
constexpr std::string_view kAutomaticPrefix = "auto:";

/// One item, understood but not yet held against a number of layers.
struct Item {
  enum class Kind { kAll, kFirst, kLast, kEvery, kRange, kAutomatic } kind = Kind::kAll;
  std::int64_t first = 0, last = 0;  // kRange; else `first` is N
};

std::optional<std::int64_t> take_integer(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > 1'000'000 || number < -1'000'000) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<Item> parse_item(std::string_view text) {
  using Kind = Item::Kind;
  if (text == "all") return Item{};
  for (const auto& [word, kind] : {std::pair<std::string_view, Kind>{"first:", Kind::kFirst},
                                   {"last:", Kind::kLast},
                                   {"every:", Kind::kEvery},
                                   {kAutomaticPrefix, Kind::kAutomatic}}) {
    if (!text.starts_with(word)) continue;
    text.remove_prefix(word.size());
    const auto number = take_integer(text);
    if (!number || *number < 1 || !text.empty()) return std::nullopt;
    return Item{kind, *number, 0};
  }
  const auto first = take_integer(text);
  if (!first) return std::nullopt;
  if (text.empty()) return Item{Kind::kRange, *first, *first};
  if (text.front() != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto last = take_integer(text);
  if (!last || !text.empty()) return std::nullopt;
  return Item{Kind::kRange, *first, *last};
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

std::vector<std::string> split(const std::string& text, const std::string& where) {
  std::vector<std::string> items;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    std::string item = trimmed(std::string_view(text).substr(begin, comma - begin));
    if (item.empty()) throw input_error("found an empty item among the layers", where, kAllowed);
    if (!parse_item(item)) {
      throw input_error("found " + shown(Json(item)) + ", which names no layers", where, kAllowed);
    }
    items.push_back(std::move(item));
    begin = comma + 1;
  }
  return items;
}

}  // namespace

LayerSelection LayerSelection::parse(const std::string& text, const std::string& where) {
  LayerSelection out;
  out.where_ = where;
  out.items_ = split(text, where);
  for (const std::string& item : out.items_) {
    if (!out.text_.empty()) out.text_ += ',';
    out.text_ += item;
  }
  const auto is_automatic = [](const std::string& item) {
    return item.starts_with(kAutomaticPrefix);
  };
  if (out.items_.size() > 1 && std::ranges::any_of(out.items_, is_automatic)) {
    throw input_error("found layers beside a number of automatic ones", where, kAllowed);
  }
  return out;
}

LayerSelection LayerSelection::parse(const Json& value, const std::string& where) {
  const auto text_of = [&](const Json& item) -> std::string {
    if (item.is_string()) return item.get<std::string>();
    if (item.is_number_integer()) return item.dump();
    throw input_error("found " + shown(item) + ", which names no layers", where, kAllowed);
  };
  if (value.is_object() && value.size() == 1 && value.contains("auto")) {
    return parse(std::string(kAutomaticPrefix) + value.at("auto").dump(), where);
  }
  if (!value.is_array()) return parse(text_of(value), where);
  if (value.empty()) throw input_error("found an empty list of layers", where, kAllowed);
  std::string joined;
  for (const Json& item : value) {
    if (!joined.empty()) joined += ',';
    joined += text_of(item);
  }
  return parse(joined, where);
}

std::optional<std::int64_t> LayerSelection::automatic(std::int64_t layers) const {
  if (items_.size() != 1) return {};
  const Item item = parse_item(items_.front()).value();
  if (item.kind != Item::Kind::kAutomatic) return {};
  if (item.first > layers) {
    throw input_error(
        counted(item.first, "layer") + (item.first == 1 ? " is" : " are") + " asked for", where_,
        "the model has " + counted(layers, "layer"));
  }
  return item.first;
}

Json LayerSelection::json() const {
  if (text_.empty()) return nullptr;
  if (!text_.starts_with(kAutomaticPrefix)) return text_;
  return {{"auto", parse_item(text_).value().first}};
}

std::vector<std::int64_t> LayerSelection::resolve(std::int64_t layers) const {
  if (items_.empty() || layers < 1) throw input_error("no layers are selected", where_, kAllowed);
  const auto refuse = [&](const std::string& item, const std::string& reason) {
    return input_error(shown(Json(item)) + " " + reason, where_,
                       "the model has " + counted(layers, "layer") + ": 0 to " +
                           std::to_string(layers - 1) + ", or -" + std::to_string(layers) +
                           " to -1");
  };
  if (automatic(layers)) {
    throw input_error(
        "the layers of " + json().dump() + " are chosen on training data", where_,
        "find them with \"expandft inspect --rank-layers --config FILE\" and list them here");
  }
  std::set<std::int64_t> chosen;
  for (const std::string& text : items_) {
    const Item item = parse_item(text).value();
    std::int64_t first = 0, last = layers - 1, step = 1;
    switch (item.kind) {
      case Item::Kind::kAll:
      case Item::Kind::kAutomatic:
        break;
      case Item::Kind::kFirst:
        last = item.first - 1;
        break;
      case Item::Kind::kLast:
        first = layers - item.first;
        break;
      case Item::Kind::kEvery:
        first = item.first - 1;
        step = item.first;
        break;
      case Item::Kind::kRange:
        first = item.first < 0 ? item.first + layers : item.first;
        last = item.last < 0 ? item.last + layers : item.last;
        break;
    }
    const bool in_range = first >= 0 && first < layers && last >= 0 && last < layers;
    if (!in_range) throw refuse(text, "is out of range");
    if (first > last) throw refuse(text, "is empty: it ends before it begins");
    for (std::int64_t layer = first; layer <= last; layer += step) chosen.insert(layer);
  }
  return {chosen.begin(), chosen.end()};
}

Field layers_field(std::string path, LayerSelection& member, std::string doc) {
  const Json item = {{"type", Json::array({"string", "integer"})}};
  const Json list = {{"type", "array"}, {"minItems", 1}, {"items", item}};
  const Json automatic = {
      {"type", "object"},
      {"properties", {{"auto", {{"type", "integer"}, {"minimum", 1}, {"maximum", 10000}}}}},
      {"required", Json::array({"auto"})},
      {"additionalProperties", false}};
  const std::string where = path;
  return make_nullable(make_field(
                           std::move(path), {{"anyOf", Json::array({item, list, automatic})}},
                           std::move(doc),
                           [&member, where](const Json& value, const fs::path&) {
                             member = LayerSelection::parse(value, where);
                           },
                           [&member] { return member.json(); }))
      .allowing(
          R"("all", "last:N", "first:N", "every:N", "a-b", an integer, a list of those, or {"auto": N})");
}

}  // namespace expandft
