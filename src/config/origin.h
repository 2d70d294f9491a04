#pragma once

namespace expandft {

/// Where a value of a resolved config came from.
enum class Origin { kDefault, kConfig, kCommandLine };

}  // namespace expandft
