#pragma once

#include "base/json.h"
#include "config/fields.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace expandft {

/// How many neurons of each chosen layer's MLP are copied, before the width of the MLP is known:
/// all of them, a share ("12.5%"), a number, or as many as a budget of new parameters over all
/// layers allows ({"parameters": "5M"}).
struct ExpansionWidth {
  enum class Kind { kWhole, kShare, kNeurons, kParameters };
  Kind kind = Kind::kWhole;
  double percent = 100;     // kShare: above 0, at most 100
  std::int64_t number = 0;  // kNeurons, kParameters

  bool is_whole() const { return kind == Kind::kWhole; }
  /// From the command line: "12.5%", "64" (neurons), "5M" (parameters; also K and B). Input error
  /// for any other text.
  static ExpansionWidth parse(const std::string& text, const std::string& where);
  /// As in a config: null, "12.5%", 64, {"parameters": "5M"}. Nothing for any other value.
  static std::optional<ExpansionWidth> of(const Json& value);
  Json json() const;

  bool operator==(const ExpansionWidth&) const = default;
};

/// Which neurons are copied: docs/method.md#choosing-neurons.
enum class NeuronChoice {
  kGradient,  // those whose weights have the largest gradients on the training data
  kSaliency,  // those whose absence would change the loss most, to first order
  kRandom,    // a seeded draw
};
/// Their names in run configs.
inline constexpr std::pair<const char*, NeuronChoice> kNeuronChoiceNames[] = {
    {"gradient", NeuronChoice::kGradient},
    {"saliency", NeuronChoice::kSaliency},
    {"random", NeuronChoice::kRandom}};

/// Key "expansion.width".
Field width_field(std::string path, ExpansionWidth& member, std::string doc);

}  // namespace expandft
