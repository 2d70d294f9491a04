#include "report/metrics_log.h"

#include "base/error.h"
#include "base/wording.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

Error system_failure(const std::string& what, const fs::path& file) {
  return failure(what + ": " + system_message(errno), file.string());
}

/// The event's step, or -1 if the line is not a complete event.
std::int64_t step_of(std::string_view line) {
  try {
    const Json event = parse_json(line, "");
    if (!event.is_object()) return -1;
    const auto step = event.find("step");
    return step != event.end() && step->is_number_integer() ? step->get<std::int64_t>() : -1;
  } catch (const Error&) {
    return -1;
  }
}

/// Keeps the events up to a step. Those after the checkpoint will be logged again.
void drop_events_after(std::int64_t step, const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return;
  const std::string before = read_file(file);
  std::string kept;
  std::size_t damaged = 0;
  for (std::string_view rest = before; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::int64_t found = step_of(line);
    if (found < 0) ++damaged;
    if (found >= 0 && found <= step) kept.append(line) += '\n';
  }
  if (damaged > 0) spdlog::warn("{}: {} dropped", file.string(), counted(damaged, "damaged line"));
  if (kept != before) write_file_atomically(file, kept);
}

}  // namespace

MetricsLog::MetricsLog(const fs::path& file, std::int64_t resume_step) : file_(file) {
  if (resume_step >= 0) drop_events_after(resume_step, file);
  const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | (resume_step < 0 ? O_EXCL : 0);
  descriptor_ = ::open(file.c_str(), flags, 0666);
  if (descriptor_ >= 0) return;
  if (errno == EEXIST) {
    throw input_error("found the metrics of an earlier run, expected no file", file.string(),
                      "continue with --resume, or start over with --restart");
  }
  throw system_failure("cannot open the file", file);
}

MetricsLog::~MetricsLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void MetricsLog::write(std::int64_t step, const std::string& event, const Json& values) {
  if (!values.is_object() || values.contains("step") || values.contains("event")) {
    throw failure("an event's values must be an object without \"step\" and \"event\"",
                  file_.string());
  }
  Json line = {{"step", step}, {"event", event}};
  line.update(values);
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";

  ssize_t written = 0;
  do {
    written = ::write(descriptor_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(text.size())) return;
  if (written < 0) throw system_failure("cannot write", file_);
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 &&
      ::ftruncate(descriptor_, status.st_size - written) == 0) {
    throw failure("cannot write: the disk is full", file_.string());
  }
  throw failure("cannot write: the disk is full, and the last line is torn", file_.string());
}

std::vector<Json> read_metrics(const fs::path& file) {
  std::vector<Json> events;
  if (!is_there(file)) return events;
  const std::string text = read_file(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    try {
      Json event = parse_json(std::string_view(text).substr(begin, end - begin), "");
      if (event.is_object() && event.contains("event") && event.at("event").is_string()) {
        events.push_back(std::move(event));
      }
    } catch (const Error&) {  // a damaged line
    }
    begin = end + 1;
  }
  return events;
}

}  // namespace expandft
