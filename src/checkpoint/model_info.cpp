#include "checkpoint/model_info.h"

#include "base/error.h"

#include <algorithm>
#include <functional>

namespace expandft {
namespace {

// 2: copies of chosen neurons. Models of whole copies are written as 1, which older versions read.
constexpr std::int64_t kMergedVersion = 2;
constexpr std::int64_t kMaxCopies = 64;  // as in the run config

/// Input error unless "widths", where present, fits the layers.
void check_widths(const MergedInfo& info, const fs::path& file) {
  if (info.widths.empty()) return;
  const bool in_range = std::ranges::all_of(
      info.widths, [](std::int64_t width) { return width >= 1 && width <= 1'000'000'000'000; });
  if (info.copies == 2 && in_range && info.widths.size() == info.layers.size()) return;
  throw input_error("\"widths\" is " + Json(info.widths).dump() +
                        "; expected a number of neurons for each of "
                        "the " +
                        std::to_string(info.layers.size()) +
                        " layers of \"layers\", and 2 \"copies\"",
                    file.string(), kMergeAgain);
}

}  // namespace

MergedInfo read_merged_info(const fs::path& directory) {
  const fs::path file = directory / kModelInfoFile;
  if (!is_file(file)) {
    throw input_error("no expandft.json: this model was not merged by expandft", directory.string(),
                      "use the merged/ folder that expandft train, expand or merge wrote");
  }
  const Json json = read_json(file);
  try {
    if (json.at("format") == kTunedFormat) {
      throw input_error("no MLP was widened in this model, so it does not contain the base",
                        directory.string(),
                        "use the base it was made from: " +
                            json.at("base_model_name_or_path").get<std::string>());
    }
    if (json.at("format") != kMergedFormat ||
        json.at("format_version").get<std::int64_t>() > kMergedVersion) {
      throw input_error("unknown format of a merged model", file.string(), "use a newer expandft");
    }
    MergedInfo info;
    info.base_model = json.at("base_model_name_or_path");
    info.base_fingerprint = json.at("base_fingerprint");
    info.base_config = json.at("base_config");
    info.layers = json.at("layers").get<std::vector<std::int64_t>>();
    info.copies = json.at("copies");
    if (json.contains("widths")) info.widths = json.at("widths").get<std::vector<std::int64_t>>();
    info.intermediate_size = json.at("base_intermediate_size");
    const auto strength = strength_of(json.at("strength"));
    info.strength = strength.value_or(Strength());
    info.layout = Layout::kAuto;
    for (const auto& [name, layout] : kLayoutNames) {
      if (json.at("layout") == name) info.layout = layout;
    }
    info.reversible = json.at("reversible");
    // Older models have it as "train", the oldest not at all.
    const char* const key = json.contains("method") ? "method" : "train";
    const auto method = parse_method(json.value(key, method_text(Method::kNew)));
    if (!method || !method->widens()) {
      throw input_error(std::string("\"") + key + "\" is " + json.at(key).dump() +
                            "; expected \"new\", \"mlp\" or \"zero-init\"",
                        file.string(), kMergeAgain);
    }
    info.method = method->kind;
    const bool ascending =
        std::ranges::adjacent_find(info.layers, std::greater_equal{}) == info.layers.end();
    if (info.layout == Layout::kAuto || info.layers.empty() || !ascending ||
        info.layers.front() < 0 || info.intermediate_size < 1 || info.copies < 2 ||
        info.copies > kMaxCopies || !strength) {
      throw input_error(
          "a field is out of range; expected \"layers\" ascending from 0, \"copies\" from 2 to " +
              std::to_string(kMaxCopies) +
              ", \"base_intermediate_size\" from 1, \"strength\" from 0 to 1 and \"layout\" "
              "native, padded, remote-code or deci",
          file.string(), kMergeAgain);
    }
    check_widths(info, file);
    return info;
  } catch (const Json::exception& error) {
    throw input_error(std::string("a field is missing or of the wrong type: ") + error.what(),
                      file.string(), kMergeAgain);
  }
}

Json merged_info_json(const MergedInfo& info) {
  Json json = {{"format", kMergedFormat},
               {"format_version", info.widths.empty() ? 1 : kMergedVersion},
               {"base_model_name_or_path", info.base_model},
               {"base_fingerprint", info.base_fingerprint},
               {"layers", info.layers},
               {"copies", info.copies},
               {"base_intermediate_size", info.intermediate_size},
               {"strength", strength_json(info.strength)},
               {"layout", layout_name(info.layout)},
               {"method", method_text(info.method)},
               {"reversible", info.reversible},
               {"base_config", info.base_config}};
  if (!info.widths.empty()) json["widths"] = info.widths;
  return json;
}

void write_merged_info(const fs::path& directory, const MergedInfo& info) {
  write_file_atomically(directory / kModelInfoFile, merged_info_json(info).dump(2) + "\n");
}

Json tuned_info_json(const std::string& base, const Strength& strength) {
  return {{"format", kTunedFormat},
          {"format_version", 1},
          {"base_model_name_or_path", base},
          {"strength", strength_json(strength)}};
}

void write_tuned_info(const fs::path& directory, const std::string& base,
                      const Strength& strength) {
  write_file_atomically(directory / kModelInfoFile, tuned_info_json(base, strength).dump(2) + "\n");
}

std::optional<Strength> written_strength(const fs::path& model) {
  const fs::path file = model / kModelInfoFile;
  if (!is_file(file)) return std::nullopt;
  const Json info = read_json(file);
  if (!info.is_object()) return std::nullopt;
  return strength_of(info.value("strength", Json()));
}

}  // namespace expandft
