#include "report/log.h"

#include "base/error.h"
#include "base/json.h"
#include "base/wording.h"
#include "report/terminal.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

const std::vector<std::pair<std::string, spdlog::level::level_enum>>& levels() {
  static const std::vector<std::pair<std::string, spdlog::level::level_enum>> kLevels = {
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},   {"warn", spdlog::level::warn},
      {"error", spdlog::level::err},   {"off", spdlog::level::off}};
  return kLevels;
}

spdlog::level::level_enum level_of(const std::string& name) {
  std::vector<std::string> known;
  std::string list;
  for (const auto& [one, level] : levels()) {
    if (one == name) return level;
    known.push_back(one);
    list += (list.empty() ? "" : ", ") + one;
  }
  const std::string near = nearest(name, known);
  throw input_error("there is no log level \"" + name + "\"; known: " + list, "--log-level",
                    near.empty() ? "" : "did you mean \"" + near + "\"?");
}

/// %* of the pattern: the message with control characters escaped.
class PrintableMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<PrintableMessage>();
  }
};

}  // namespace

void configure_logging(const std::string& level, bool quiet) {
  const spdlog::level::level_enum chosen = level_of(level);
  const bool on_terminal = stderr_takes_escapes();
  const char* const no_color = std::getenv("NO_COLOR");
  const bool colored = on_terminal && (no_color == nullptr || *no_color == '\0');
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(
      colored ? spdlog::color_mode::always : spdlog::color_mode::never);
  auto logger = std::make_shared<spdlog::logger>("expandft", std::move(sink));
  // The progress line is where the next log line goes: erase it. It is drawn again below.
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrintableMessage>('*');
  formatter->set_pattern(std::string(on_terminal ? "\r\033[K" : "") + "%^%l:%$ %*");
  logger->set_formatter(std::move(formatter));
  logger->set_level(quiet ? std::max(chosen, spdlog::level::warn) : chosen);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace expandft
