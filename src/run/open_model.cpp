#include "run/open_model.h"

#include "base/temporary_storage.h"
#include "config/hub_cache.h"
#include "families/model_config.h"
#include "gguf/import.h"
#include "growth/attach.h"
#include "methods/lora.h"
#include "run/imported_model.h"
#include "runtime/device.h"
#include "runtime/signals.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

std::unique_ptr<const Tokenizer> load_tokenizer(const ModelDirectory& directory, TokenizerUse use) {
  try {
    return load_tokenizer(directory);
  } catch (const Error& error) {
    if (use == TokenizerUse::kRequired) throw;
    spdlog::debug("tokens have no names: {}", error.message());
    return nullptr;
  }
}

/// Adds the ids that a config names: an integer, or an array of them.
void add_end_tokens(const Json& config, std::vector<TokenId>& ids) {
  const Json named = config.value("eos_token_id", Json());
  for (const Json& id : named.is_array() ? named : Json::array({named})) {
    if (id.is_number_integer()) ids.push_back(id.get<TokenId>());
  }
}

}  // namespace

std::string found_model(const std::string& name) {
  const std::string path = find_model(name, name).string();
  if (path != name) spdlog::info("{}: found in the Hugging Face cache, {}", name, path);
  return imported_model(path).string();
}

ModelSource found_model(ModelSource source) {
  source.model = found_model(source.model);
  if (source.adapter) source.adapter = found_model(*source.adapter);
  return source;
}

std::unique_ptr<Adaptation> attach(Decoder& decoder, const ModelDirectory& base,
                                   const fs::path& adapter, const Strength& strength) {
  std::unique_ptr<Adaptation> attached;
  if (is_peft_adapter(adapter)) {
    attached = attach_lora(decoder, base, PeftAdapter::open(adapter));
  } else {
    attached = std::make_unique<Expansion>(attach_adapter(decoder, base, adapter));
  }
  attached->set_strength(strength);
  return attached;
}

std::unique_ptr<const Tokenizer> load_tokenizer(const ModelDirectory& directory) {
  auto tokenizer = Tokenizer::load(directory.path());
  check_vocabulary(*tokenizer, read_spec(directory).vocab, directory.path().string());
  return tokenizer;
}

Decoder load_decoder(const ModelDirectory& directory, const ModelSource& source,
                     at::Device device) {
  Decoder decoder = Decoder::load(directory, compute_dtype(source.precision, device), device);
  if (source.adapter) attach(decoder, directory, *source.adapter, source.strength);
  spdlog::info("loaded {} on {}", model_name(directory.path()), device_name(device));
  return decoder;
}

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

std::unique_ptr<const Tokenizer> open_tokenizer(const std::string& model) {
  if (!is_gguf_file(model)) return Tokenizer::load(found_model(model));
  const SignalWatch watch;
  const TemporaryFolder folder;
  SignalCleanup cleanup(watch, [&folder] { folder.remove(); });
  write_gguf_tokenizer(GgufFile::open(model), folder.path());
  auto tokenizer = Tokenizer::load(folder.path());
  cleanup.finish();
  return tokenizer;
}

LoadedModel load_model(const ModelSource& named, const ProcessOptions& options,
                       TokenizerUse tokenizer_use) {
  const ModelSource source = found_model(named);
  ModelDirectory directory = ModelDirectory::open(source.model);
  report_notices(read_spec(directory).notices, options);
  std::unique_ptr<const Tokenizer> tokenizer = load_tokenizer(directory, tokenizer_use);
  if (tokenizer != nullptr) report_notices(tokenizer->notices(), options);
  const at::Device device = prepare_device(options);
  Decoder decoder = load_decoder(directory, source, device);
  return {std::move(directory), std::move(tokenizer), std::move(decoder)};
}

}  // namespace expandft
