#include "tasks/output_cache.h"

#include "base/cache_folder.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/wording.h"
#include "report/json_values.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

constexpr int kCacheFormat = 1;

/// The start of the name, with "_" for characters that are unusual in file names.
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : name.substr(0, 40)) {
    const bool fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_';
    plain += fits ? c : '_';
  }
  return plain;
}

/// While it exists, no other process reads or writes the file. Does nothing on file systems without
/// locks.
class Lock {
 public:
  explicit Lock(int descriptor) : descriptor_(descriptor) {
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Lock() { ::flock(descriptor_, LOCK_UN); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

std::optional<Json> parse(const std::string& line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? std::nullopt : std::optional(std::move(json));
}

}  // namespace

OutputCache::OutputCache(const fs::path& folder, const PreparedTask& task, const Json& model)
    : key_({{"format", kCacheFormat}, {"work", task.fingerprint()}, {"model", model}}),
      batches_(task.batches.size()) {
  Hash hash;
  hash.add(key_.dump());
  file_ = folder / (plain_name(task.task.name) + "-" + hash.digits().substr(0, 16) + ".jsonl");
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw failure("cannot create the cache folder: " + error.message(), folder.string(),
                  "name another with --cache, or use --no-cache");
  }
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw failure("cannot open the cache: " + system_message(errno), file_.string(),
                  "name another folder with --cache, or use --no-cache");
  }
  const Lock lock(descriptor_);
  read(task.batches);
  if (fs::file_size(file_, error) == 0) append(key_);
}

OutputCache::~OutputCache() {
  ::close(descriptor_);
}

void OutputCache::read(const std::vector<std::vector<std::size_t>>& batches) {
  const std::string text = read_file(file_);
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    const auto line = parse(text.substr(begin, end - begin));
    if (begin == 0 && line != key_) break;
    if (line) keep(*line, batches);
  }
  // The rest is an interrupted write, or the file has another key.
  std::error_code error;
  if (begin < text.size()) fs::resize_file(file_, begin, error);
}

void OutputCache::keep(const Json& line, const std::vector<std::vector<std::size_t>>& batches) {
  try {
    BatchOutputs outputs = parse_outputs(line.at("outputs"));
    const auto batch = line.at("batch").get<std::size_t>();
    if (batch < batches.size() && outputs.size() == batches[batch].size()) {
      found_.emplace(batch, std::move(outputs));
    }
  } catch (const Json::exception&) {  // damaged, or the key
  }
}

void OutputCache::append(const Json& line) {
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(descriptor_, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      throw failure("cannot write the cache: " + system_message(errno), file_.string(),
                    "free disk space, name another folder with --cache, or use --no-cache");
    }
    done += static_cast<std::size_t>(count);
  }
}

const BatchOutputs* OutputCache::find(std::size_t batch) const {
  const auto found = found_.find(batch);
  return found == found_.end() ? nullptr : &found->second;
}

void OutputCache::add(std::size_t batch, const BatchOutputs& outputs) {
  const Lock lock(descriptor_);
  append({{"batch", batch}, {"outputs", outputs_json(outputs)}});
  found_[batch] = outputs;
}

DivergenceCache::DivergenceCache(const fs::path& folder, Json key) : key_(std::move(key)) {
  Hash hash;
  hash.add(key_.dump());
  file_ = folder / ("divergence-" + hash.digits().substr(0, 16) + ".json");
}

std::optional<std::vector<double>> DivergenceCache::find(std::size_t tasks) const {
  if (!is_file(file_)) return std::nullopt;
  const Json json = Json::parse(read_file(file_), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("key", Json()) != key_) return std::nullopt;
  std::vector<double> found;
  for (const Json& one : json.value("divergences", Json::array())) {
    if (!one.is_number()) return std::nullopt;
    found.push_back(one.get<double>());
  }
  return found.size() == tasks ? std::optional(found) : std::nullopt;
}

void DivergenceCache::put(const std::vector<double>& divergences) const {
  write_json(file_, {{"key", key_}, {"divergences", divergences}});
}

std::optional<fs::path> default_cache_folder() {
  return cache_folder("evaluation");
}

}  // namespace expandft
