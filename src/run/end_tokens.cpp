#include "run/end_tokens.h"

namespace expandft {
namespace {

/// Adds the ids that a config names: an integer, or an array of them.
void add_end_tokens(const Json& config, std::vector<TokenId>& ids) {
  const Json named = config.value("eos_token_id", Json());
  for (const Json& id : named.is_array() ? named : Json::array({named})) {
    if (id.is_number_integer()) ids.push_back(id.get<TokenId>());
  }
}

}  // namespace

std::vector<TokenId> end_tokens(const ModelDirectory& directory, const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  if (const auto eos = tokenizer.eos()) ids.push_back(*eos);
  add_end_tokens(directory.config(), ids);
  const fs::path file = directory.path() / "generation_config.json";
  if (is_there(file)) {
    const Json config = read_json(file);
    if (config.is_object()) add_end_tokens(config, ids);
  }
  return ids;
}

}  // namespace expandft
