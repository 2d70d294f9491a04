#include "run/open_model.h"

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/hash.h"
#include "config/hub_cache.h"
#include "families/model_config.h"
#include "gguf/import.h"
#include "growth/attach.h"
#include "methods/lora.h"
#include "run/make_model.h"
#include "runtime/device.h"

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// Part of every import's name. Raised when an import of the same file would be different.
constexpr std::uint64_t kImportFormat = 3;
constexpr Dtype kImportDtype = Dtype::kBF16;

std::string content_hash(const GgufFile& file) {
  Hash hash;
  hash.add(kImportFormat);
  for (const auto& part : file.parts()) hash.add(part->bytes());
  return hash.digits().substr(0, 16);
}

/// Where the import of a file lies, or will lie, in a folder that is there.
fs::path place_of(const GgufFile& file) {
  const auto cache = cache_folder("models");
  const std::string path = file.path().string();
  const std::string hint = "set EXPANDFT_CACHE to a folder, or import the file: expandft import " +
                           path + " --output DIR, and give DIR";
  if (!cache) throw failure("there is no folder to import the GGUF file into", path, hint);
  std::error_code error;
  fs::create_directories(*cache, error);
  if (error) {
    throw failure("cannot create the folder for imports of GGUF files: " + error.message(),
                  cache->string(), hint);
  }
  return *cache / (file.path().stem().string() + "-" + content_hash(file));
}

/// Waits while another process imports the same file.
void wait_for(const fs::path& lock) {
  spdlog::info("waiting for another process that imports the same file");
  while (FileLock(lock, FileLock::Missing::kLeave).state() == FileLock::State::kHeld) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

void import_into(const fs::path& place, const fs::path& model) {
  spdlog::info("{}: importing it once, as bfloat16", model.string());
  const GgufImport import = GgufImport::open(model, kImportDtype);
  import_model(import, {place, AtomicDirectory::Existing::kRefuse, {model}});
}

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

fs::path imported_model(const fs::path& model) {
  if (!is_gguf_file(model)) return model;
  const fs::path place = place_of(GgufFile::open(model));
  const fs::path lock = place.string() + ".lock";
  while (!is_folder(place)) {
    FileLock lock_file(lock, FileLock::Missing::kCreate);
    if (lock_file.state() == FileLock::State::kHeld) {
      wait_for(lock);
      continue;
    }
    if (is_folder(place)) break;  // made since it was looked for
    import_into(place, model);
    lock_file.remove();
  }
  spdlog::info("{}: read from its import, {}", model.string(), place.string());
  return place;
}

void import_base(RunConfig& run) {
  run.model_directory = imported_model(run.model);
}

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

UnpackedTokenizer::UnpackedTokenizer(const fs::path& file)
    : cleanup_(watch_, [this] { folder_.remove(); }) {
  write_gguf_tokenizer(GgufFile::open(file), folder_.path());
}

std::unique_ptr<const Tokenizer> open_tokenizer(const std::string& model) {
  if (!is_gguf_file(model)) return Tokenizer::load(found_model(model));
  const UnpackedTokenizer unpacked(model);
  return Tokenizer::load(unpacked.folder());
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
