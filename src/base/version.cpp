#include "base/version.h"

namespace expandft {

const char* program_version() {
  return EXPANDFT_VERSION;
}

}  // namespace expandft
