#include "data/token_cache.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/partial_path.h"
#include "base/version.h"
#include "chat/chat_template.h"
#include "data/data_files.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr std::uint64_t kTokenCacheFormat = 1;
constexpr std::string_view kEntryEnding = ".tokens";
constexpr std::size_t kDigits = 32;             // of the hash at an entry's end
constexpr std::size_t kHashedBytes = 1u << 20;  // an entry is hashed in pieces of so many
constexpr std::array kWeightEndings{".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".onnx"};

using Bytes = std::span<const std::byte>;

/// Whether a file's bytes and names have stayed the same since then. No program can set the time
/// that this goes by.
bool is_unchanged(const fs::path& file, std::chrono::system_clock::time_point since) {
  struct ::stat status {};
  if (::stat(file.c_str(), &status) != 0) return false;
  const auto changed = std::chrono::seconds(status.st_ctim.tv_sec) +
                       std::chrono::nanoseconds(status.st_ctim.tv_nsec);
  constexpr std::chrono::milliseconds kClockTick{20};  // the file system's clock may be behind
  return changed + kClockTick < since.time_since_epoch();
}

void add_file(Hash& hash, const fs::path& file) {
  hash.add(MappedFile::open(file)->bytes());
}

bool is_weights(const fs::path& file) {
  return std::ranges::find(kWeightEndings, file.extension().string()) != kWeightEndings.end();
}

/// The files that decide how the model's tokenizer and chat template write a text, and more.
std::vector<fs::path> files_beside_weights(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && !is_weights(entry.path())) files.push_back(entry.path());
  }
  const fs::path more = folder / kChatTemplateFolder;
  if (fs::is_directory(more)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(more)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

void add_optional(Hash& hash, const std::optional<std::string>& text) {
  hash.add(std::uint64_t{text.has_value()});
  if (text) hash.add(*text);
}

bool are_unchanged(const DatasetOptions& options) {
  const auto is_old = [&](const fs::path& file) {
    return is_unchanged(file, options.cache->unchanged_since);
  };
  std::error_code ignored;
  const bool has_file = fs::is_regular_file(options.chat_template, ignored);
  if (has_file && !is_old(options.chat_template)) return false;
  return is_old(options.path) && std::ranges::all_of(files_beside_weights(options.model), is_old);
}

/// The digits that name the entry, or "" if there can be none. Errors of the system too.
std::string key_of(const DatasetOptions& options) {
  const auto form = data_form(options.path);
  const bool is_packed = options.path.extension() == ".gz";
  if (!form || !fs::is_regular_file(options.path) || !fs::is_directory(options.model) ||
      fs::file_size(options.path) < TokenCache::kLeastFile / (is_packed ? 4 : 1) ||
      !are_unchanged(options)) {
    return "";
  }
  Hash hash;
  hash.add(kTokenCacheFormat);
  hash.add(std::string_view(program_version()));
  add_file(hash, "/proc/self/exe");
  const std::vector<fs::path> files = files_beside_weights(options.model);
  hash.add(std::uint64_t{files.size()});
  for (const fs::path& file : files) {
    hash.add(file.filename().string());
    add_file(hash, file);
  }
  hash.add(static_cast<std::uint64_t>(*form));
  hash.add(std::uint64_t{is_packed});
  add_optional(hash, options.prompt);
  add_optional(hash, options.completion);
  hash.add(static_cast<std::uint64_t>(options.max_length));
  hash.add(std::uint64_t{options.train_on_prompt});
  hash.add(options.chat_template);
  hash.add(std::uint64_t{options.train_on_empty_reasoning});
  std::error_code ignored;
  if (fs::is_regular_file(options.chat_template, ignored)) add_file(hash, options.chat_template);
  add_file(hash, options.path);
  return hash.digits();
}

Json report_json(const DatasetReport& report) {
  Json unread = Json::array();
  for (const auto& [name, count] : report.unread.fields()) unread.push_back({name, count});
  return {{"rows", report.rows},
          {"examples", report.examples},
          {"tokens", report.tokens},
          {"targets", report.targets},
          {"truncated_rows", report.truncated_rows},
          {"truncated_tokens", report.truncated_tokens},
          {"conversations", report.conversations},
          {"split_rows", report.split_rows},
          {"unread", unread}};
}

DatasetReport read_report(const Json& json) {
  const auto number = [&](const char* key) { return json.at(key).get<std::int64_t>(); };
  DatasetReport report{.rows = number("rows"),
                       .examples = number("examples"),
                       .tokens = number("tokens"),
                       .targets = number("targets"),
                       .truncated_rows = number("truncated_rows"),
                       .truncated_tokens = number("truncated_tokens"),
                       .conversations = number("conversations"),
                       .split_rows = number("split_rows")};
  for (const Json& field : json.at("unread")) {
    report.unread.add(field.at(0).get<std::string>(), field.at(1).get<std::int64_t>());
  }
  return report;
}

/// Writes an entry: a line of JSON, then of each example its length, ids and marks, then a hash.
class EntryWriter {
 public:
  explicit EntryWriter(const fs::path& file) : file_(file) {}

  void write(Bytes bytes) {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), kHashedBytes - buffer_.size());
      buffer_.insert(buffer_.end(), bytes.begin(),
                     bytes.begin() + static_cast<std::ptrdiff_t>(count));
      bytes = bytes.subspan(count);
      if (buffer_.size() == kHashedBytes) flush();
    }
  }
  void finish() {
    flush();
    file_.write(hash_.digits());
    file_.close();
  }

 private:
  void flush() {
    hash_.add(Bytes(buffer_));
    file_.write(buffer_);
    buffer_.clear();
  }

  OutputFile file_;
  Hash hash_;
  std::vector<std::byte> buffer_;
};

/// Walks through the examples of an entry.
class EntryReader {
 public:
  EntryReader(const MappedFile& file, Bytes bytes) : file_(file), bytes_(bytes), kept_(bytes) {}

  bool at_end() const { return bytes_.empty(); }
  /// False if the bytes do not hold a whole example.
  bool next(Example& example) {
    std::uint32_t length = 0;
    if (!read(&length, sizeof length)) return false;
    if (bytes_.size() / (sizeof(TokenId) + 1) < length) return false;
    example.tokens.resize(length);
    example.learned.resize(length);
    return read(example.tokens.data(), length * sizeof(TokenId)) &&
           read(example.learned.data(), length);
  }

 private:
  bool read(void* to, std::size_t count) {
    if (bytes_.size() < count) return false;
    if (count > 0) std::memcpy(to, bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
    constexpr std::size_t kMostKept = 16u << 20;  // in this process's memory
    if (const std::size_t passed = kept_.size() - bytes_.size(); passed > kMostKept) {
      file_.release(kept_.first(passed));
      kept_ = bytes_;
    }
    return true;
  }

  const MappedFile& file_;
  Bytes bytes_, kept_;
};

struct Entry {
  std::shared_ptr<const MappedFile> file;
  DatasetReport report;
  Bytes examples;
};

bool has_right_hash(const MappedFile& file, Bytes bytes, std::string_view digits) {
  Hash hash;
  for (std::size_t at = 0; at < bytes.size(); at += kHashedBytes) {
    const Bytes piece = bytes.subspan(at, std::min(kHashedBytes, bytes.size() - at));
    hash.add(piece);
    file.release(piece);
  }
  return hash.digits() == digits;
}

bool has_right_examples(const Entry& entry, std::int64_t vocabulary) {
  EntryReader reader(*entry.file, entry.examples);
  Example example;
  std::int64_t examples = 0, tokens = 0;
  for (; !reader.at_end(); ++examples) {
    if (!reader.next(example)) return false;
    tokens += static_cast<std::int64_t>(example.tokens.size());
    const auto is_id = [&](TokenId id) { return id >= 0 && id < vocabulary; };
    if (!std::ranges::all_of(example.tokens, is_id)) return false;
  }
  return examples == entry.report.examples && tokens == entry.report.tokens;
}

/// Nothing if the entry is damaged.
std::optional<Entry> read_entry(const fs::path& file, const std::string& key,
                                std::int64_t vocabulary) {
  Entry entry{MappedFile::open(file), {}, {}};
  Bytes bytes = entry.file->bytes();
  if (bytes.size() < kDigits) return std::nullopt;
  const Bytes digits = bytes.last(kDigits);
  bytes = bytes.first(bytes.size() - kDigits);
  const auto text = [](Bytes part) {
    return std::string_view(reinterpret_cast<const char*>(part.data()), part.size());
  };
  if (!has_right_hash(*entry.file, bytes, text(digits))) return std::nullopt;
  const std::size_t line = text(bytes).find('\n');
  if (line == std::string_view::npos) return std::nullopt;
  const Json header = Json::parse(text(bytes.first(line)), nullptr, /*allow_exceptions=*/false);
  try {
    if (header.at("key") != key) return std::nullopt;
    entry.report = read_report(header.at("report"));
  } catch (const Json::exception&) {
    return std::nullopt;
  }
  entry.examples = bytes.subspan(line + 1);
  return has_right_examples(entry, vocabulary) ? std::optional(std::move(entry)) : std::nullopt;
}

/// Removes what ended processes have left half-written, and the entries that were not used for
/// longest, until `most` bytes are left.
void tidy(const fs::path& folder, std::uint64_t most) {
  struct Found {
    fs::file_time_type used;
    fs::path path;
    std::uint64_t bytes;
  };
  std::vector<Found> entries;
  std::uint64_t total = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const std::size_t partial = name.find(std::string(kEntryEnding) + ".partial-");
    if (name.starts_with('.') && partial != name.npos) {
      remove_dead_partials(folder / name.substr(1, partial + kEntryEnding.size() - 1));
    } else if (name.ends_with(kEntryEnding)) {
      std::error_code gone;
      const auto bytes = fs::file_size(entry.path(), gone);
      const auto used = gone ? fs::file_time_type() : fs::last_write_time(entry.path(), gone);
      if (gone) continue;  // another process removed it
      entries.push_back({used, entry.path(), bytes});
      total += bytes;
    }
  }
  std::ranges::sort(entries, {}, &Found::used);
  for (const Found& entry : entries) {
    if (total <= most) return;
    std::error_code ignored;
    fs::remove(entry.path, ignored);
    total -= entry.bytes;
  }
}

}  // namespace

TokenCache::TokenCache(const DatasetOptions& options) : options_(options) {
  if (!options.cache) return;
  try {
    key_ = key_of(options);
  } catch (const std::exception& error) {  // whoever needs the file says what is wrong with it
    spdlog::debug("no cache of token ids: {}", error.what());
  }
  if (!key_.empty()) file_ = options.cache->folder / (key_ + std::string(kEntryEnding));
}

std::optional<DatasetReport> TokenCache::append_to(Dataset& dataset,
                                                   std::int64_t vocabulary) const {
  if (key_.empty() || !is_file(file_)) return std::nullopt;
  std::optional<Entry> entry;
  try {
    entry = read_entry(file_, key_, vocabulary);
  } catch (const Error& error) {
    spdlog::debug("no cache of token ids: {}", error.message());
    return std::nullopt;
  }
  if (!entry) {
    spdlog::warn("{}: this cache of token ids is damaged; {} is tokenized again", file_.string(),
                 options_.path.filename().string());
    return std::nullopt;
  }
  EntryReader reader(*entry->file, entry->examples);
  for (Example example; !reader.at_end() && reader.next(example);) {
    dataset.examples.push_back(example);
  }
  dataset.report += entry->report;
  std::error_code ignored;
  fs::last_write_time(file_, fs::file_time_type::clock::now(), ignored);
  spdlog::debug("{}: token ids are from the cache, {}", options_.path.string(), file_.string());
  return entry->report;
}

void TokenCache::put(const ExampleStore& examples, std::size_t begin,
                     const DatasetReport& report) const {
  const std::uint64_t bytes = static_cast<std::uint64_t>(report.tokens) * (sizeof(TokenId) + 1);
  if (key_.empty() || bytes > kLargestEntry) return;
  // UnreadFields keeps no more names, so that their text could not be told from the entry.
  if (report.unread.fields().size() >= UnreadFields::kNames) return;
  try {
    if (!are_unchanged(options_)) return;
    fs::create_directories(options_.cache->folder);
    remove_dead_partials(file_);
    const PartialPath place(file_);
    try {
      EntryWriter writer(place.path());
      const std::string header =
          Json({{"key", key_}, {"report", report_json(report)}}).dump() + "\n";
      writer.write(std::as_bytes(std::span(header)));
      for (std::size_t i = begin; i < examples.size(); ++i) {
        const Example example = examples[i];
        const auto length = static_cast<std::uint32_t>(example.tokens.size());
        writer.write(std::as_bytes(std::span(&length, 1)));
        writer.write(std::as_bytes(std::span(example.tokens)));
        writer.write(std::as_bytes(std::span(example.learned)));
      }
      writer.finish();
      fs::rename(place.path(), file_);
    } catch (...) {
      std::error_code ignored;
      fs::remove(place.path(), ignored);
      throw;
    }
    tidy(options_.cache->folder, kMostBytes);
  } catch (const std::exception& error) {
    spdlog::debug("token ids are not cached: {}", error.what());
  }
}

}  // namespace expandft
