#include "export/gguf_output.h"

#include "base/temporary_storage.h"
#include "checkpoint/atomic_file.h"
#include "runtime/signals.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

/// A model file that is being written.
class ModelFileOutput {
 public:
  ModelFileOutput(const fs::path& target, std::function<void(int signal)> on_signal)
      : file_(target), cleanup_(watch_, [this, on_signal = std::move(on_signal)] {
          const bool is_removed = file_.discard();
          scratch_.remove();
          if (on_signal) return on_signal(watch_.caught());
          spdlog::warn("ended by a signal: {} is {}", file_.target().string(),
                       is_removed ? "not written" : "whole");
        }) {}

  const fs::path& path() const { return file_.path(); }
  const fs::path& scratch() const { return scratch_.path(); }
  /// The file appears, unless a signal came before: then this ends the process.
  void commit() {
    if (watch_.caught() == 0) file_.commit();
    cleanup_.finish();
  }

 private:
  // In this order: signals are noted before the file exists, and nothing acts on them after it.
  SignalWatch watch_;
  AtomicFile file_;
  TemporaryFolder scratch_;
  SignalCleanup cleanup_;
};

double bytes_of_number(GgufNumberType type, Dtype dtype) {
  switch (type) {
    case GgufNumberType::kF32:
      return 4;
    case GgufNumberType::kF16:
    case GgufNumberType::kBF16:
      return 2;
    case GgufNumberType::kQ8_0:
      return 34.0 / 32;
    case GgufNumberType::kQ4_0:
      return 18.0 / 32;
    case GgufNumberType::kAuto:
      break;
  }
  return static_cast<double>(size_of(dtype));
}

}  // namespace

LogitDifference write_gguf_model(const fs::path& output, const GgufExport& gguf,
                                 const CheckGguf& check,
                                 const std::function<void(const Notices&)>& report,
                                 std::function<void(int signal)> on_signal) {
  ModelFileOutput file(output, std::move(on_signal));
  spdlog::info("writing {} ({})", output.string(), gguf_type_name(gguf.type()));
  gguf.write(file.path());
  spdlog::info("checking what was written");
  GgufCheck result = check(file.path(), file.scratch());
  for (Notice& notice : result.notices) {
    if (notice.where == file.path().string()) notice.where = output.string();
  }
  report(result.notices);
  file.commit();
  return result.difference;
}

std::uint64_t bytes_in_form(std::uint64_t bytes, const OutputForm& form, Dtype dtype) {
  if (!form.is_gguf()) return bytes;
  return static_cast<std::uint64_t>(static_cast<double>(bytes) *
                                    bytes_of_number(form.gguf_type, dtype) /
                                    static_cast<double>(size_of(dtype)));
}

FoldedSize size_in_form(const FoldedSize& size, const OutputForm& form, Dtype dtype) {
  return {bytes_in_form(size.bytes, form, dtype), bytes_in_form(size.zeros, form, dtype)};
}

}  // namespace expandft
