# The interface target expandft::warnings: what every source of ours is compiled with.
option(EXPANDFT_WERROR "Treat warnings as errors" OFF)
option(EXPANDFT_SANITIZE "Build with address and undefined-behaviour sanitizers" OFF)

add_library(expandft_warnings INTERFACE)
add_library(expandft::warnings ALIAS expandft_warnings)
target_compile_options(expandft_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference
  -Wformat=2 -Wno-missing-field-initializers $<$<BOOL:${EXPANDFT_WERROR}>:-Werror>)
if(EXPANDFT_SANITIZE)
  target_compile_options(expandft_warnings INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(expandft_warnings INTERFACE -fsanitize=address,undefined)
endif()
