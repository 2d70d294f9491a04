#include "config/task_config.h"
#include "fuzz.h"
#include "tasks/example.h"

using namespace expandft;

// A task file, with its templates and regular expressions.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const fs::path file = folder.write("task.json", fuzz::as_text(data, size));
  fuzz::expect_input_error([&] { check_task(load_task(file)); });
  return 0;
}
