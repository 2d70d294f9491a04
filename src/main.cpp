#include "base/error.h"
#include "cli/app.h"
#include "runtime/signals.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <new>

#include <c10/util/Exception.h>

namespace {

int run(int argc, char* argv[]) {
  using expandft::ExitCode;
  const auto report = [](const char* message, ExitCode code) {
    std::cerr << "error: " << message << '\n';
    return static_cast<int>(code);
  };
  try {
    return static_cast<int>(expandft::run_program(argc, argv));
  } catch (const expandft::Error& error) {
    return report(error.what(), error.code());
  } catch (const std::filesystem::filesystem_error& error) {
    // Only a safety net: paths that a user names are examined without exceptions.
    const expandft::Error shown = expandft::input_error(
        "cannot look at the path: " + error.code().message(), error.path1().string());
    return report(shown.what(), shown.code());
  } catch (const c10::Error& error) {
    return report(error.what_without_backtrace(), ExitCode::kFailed);
  } catch (const std::bad_alloc&) {
    return report("out of memory\n  hint:  a smaller model or batch, or a lower precision",
                  ExitCode::kFailed);
  } catch (const std::exception& error) {
    return report(error.what(), ExitCode::kFailed);
  }
}

}  // namespace

int main(int argc, char* argv[]) {
  expandft::report_lost_pages();
  const int code = run(argc, argv);
  // All files are written and closed by now. LibTorch's static objects are not destroyed: that
  // takes time, its order is not defined, and it gains nothing.
  std::fflush(nullptr);
  std::_Exit(code);
}
