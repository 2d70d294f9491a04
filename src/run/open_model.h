#pragma once

#include "base/temporary_storage.h"
#include "checkpoint/model_directory.h"
#include "config/run_config.h"
#include "model/adaptation.h"
#include "model/decoder.h"
#include "run/process_options.h"
#include "runtime/signals.h"
#include "tokenizer/tokenizer.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// Which model to open, with which adapter, and the precision to compute in.
struct ModelSource {
  std::string model;                   // directory, or hub name
  std::optional<std::string> adapter;  // likewise; attached to the model when given
  Strength strength;                   // of the adapter
  Precision precision = Precision::kAuto;
};

/// The directory that a model is read from: for a GGUF file its import in bfloat16, for any other
/// path the path itself. An import is made once, lies in cache_folder("models") under the hash of
/// the file's bytes, and is used again; where several processes ask, one imports and the others
/// wait. Input errors of GgufImport::open and import_model; a failure without a cache folder.
fs::path imported_model(const fs::path& model);

/// Sets where the base of a run is read from (RunConfig::model_directory).
void import_base(RunConfig& run);

/// The directory of a model or adapter: find_model, and of a GGUF file its import
/// (imported_model). The log says where a hub name or a file led to.
std::string found_model(const std::string& name);
/// The same source with directories in place of hub names.
ModelSource found_model(ModelSource source);

/// Attaches an adapter, expandft's own or a PEFT LoRA, to a decoder of `base` at a strength from 0
/// (the base) to 1 (as trained). Input errors as attach_adapter's and attach_lora's.
std::unique_ptr<Adaptation> attach(Decoder& decoder, const ModelDirectory& base,
                                   const fs::path& adapter, const Strength& strength);

/// The tokenizer's files of a GGUF file, without the weights of its import. They lie in a temporary
/// folder, which goes with the object, or when a signal ends the process.
class UnpackedTokenizer {
 public:
  explicit UnpackedTokenizer(const fs::path& file);
  const fs::path& folder() const { return folder_.path(); }

 private:
  SignalWatch watch_;
  TemporaryFolder folder_;
  SignalCleanup cleanup_;
};

/// The tokenizer of a model directory, of a hub name (find_model), or of a GGUF file, of which only
/// the vocabulary is needed. Of a GGUF file the tokenizer is that of its import.
std::unique_ptr<const Tokenizer> open_tokenizer(const std::string& model);

/// The directory's tokenizer, checked against the vocabulary.
std::unique_ptr<const Tokenizer> load_tokenizer(const ModelDirectory& directory);
/// The directory's weights, with the adapter attached.
Decoder load_decoder(const ModelDirectory& directory, const ModelSource& source, at::Device device);

/// All ids that end a text: the tokenizer's, config.json's and generation_config.json's.
std::vector<TokenId> end_tokens(const ModelDirectory& directory, const Tokenizer& tokenizer);

struct LoadedModel {
  ModelDirectory directory;
  std::unique_ptr<const Tokenizer> tokenizer;  // null when it is not needed and cannot be read
  Decoder decoder;
};

enum class TokenizerUse { kRequired, kOptional };

/// Opens the directory, reads the tokenizer and checks it against the vocabulary, loads the weights
/// and attaches the adapter. Reports the notices of the model's files.
LoadedModel load_model(const ModelSource& source, const ProcessOptions& options,
                       TokenizerUse tokenizer_use = TokenizerUse::kRequired);

}  // namespace expandft
