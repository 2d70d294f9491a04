# The interface target expandft::warnings: what every source of ours is compiled with.
option(EXPANDFT_WERROR "Treat warnings as errors" OFF)
set(EXPANDFT_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them: address,undefined or thread")

add_library(expandft_warnings INTERFACE)
add_library(expandft::warnings ALIAS expandft_warnings)
# -Wno-restrict: GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
target_compile_options(expandft_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wformat=2 -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<BOOL:${EXPANDFT_WERROR}>:-Werror>)

# Torch-free code is also held to -Wnull-dereference. Code that derives from torch's
# autograd::Function instantiates torch templates in which g++ sees null pointers that never are.
add_library(expandft_strict_warnings INTERFACE)
add_library(expandft::strict_warnings ALIAS expandft_strict_warnings)
target_compile_options(expandft_strict_warnings INTERFACE -Wnull-dereference)
target_link_libraries(expandft_strict_warnings INTERFACE expandft_warnings)

if(EXPANDFT_SANITIZE)
  # Instrumented, GCC 12 takes members of std::regex for uninitialised.
  target_compile_options(expandft_warnings INTERFACE
    -fsanitize=${EXPANDFT_SANITIZE} -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(expandft_warnings INTERFACE -fsanitize=${EXPANDFT_SANITIZE})
  if(EXPANDFT_SANITIZE MATCHES undefined)
    target_compile_options(expandft_warnings INTERFACE -fno-sanitize-recover=undefined)
  endif()
endif()
