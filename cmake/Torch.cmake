# Defines the target expandft::torch: LibTorch's CPU library and headers.
#
# Looked for, in this order: -DTORCH_HOME or $TORCH_HOME (an unpacked LibTorch zip, or the torch
# folder of an installed wheel), ./.venv, the active Python's torch. Torch's own CMake package
# is not used: on the CUDA wheel it demands a CUDA toolkit even for a CPU build.
set(TORCH_HOME "$ENV{TORCH_HOME}" CACHE PATH "LibTorch: folder with include/ and lib/")

set(_candidates "${TORCH_HOME}")
file(GLOB _venv "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
list(APPEND _candidates ${_venv})
find_program(_python NAMES python3 python)
if(_python AND NOT TORCH_HOME AND NOT _venv)
  execute_process(
    COMMAND "${_python}" -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE _wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(APPEND _candidates "${_wheel}")
endif()

foreach(_dir IN LISTS _candidates)
  if(_dir AND EXISTS "${_dir}/lib/libtorch_cpu.so" AND EXISTS "${_dir}/include/ATen/ATen.h")
    set(EXPANDFT_TORCH_DIR "${_dir}")
    break()
  endif()
endforeach()
if(NOT EXPANDFT_TORCH_DIR)
  message(FATAL_ERROR
    "LibTorch was not found. Run scripts/setup, or give -DTORCH_HOME=<folder with include/ and lib/> "
    "(an unpacked LibTorch zip, or site-packages/torch of the wheel).")
endif()
file(STRINGS "${EXPANDFT_TORCH_DIR}/include/torch/csrc/api/include/torch/version.h" _version
     REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9;]" "" _version "${_version}")
string(REPLACE ";" "." EXPANDFT_TORCH_VERSION "${_version}")
if(EXPANDFT_TORCH_VERSION VERSION_LESS 2.6)
  message(FATAL_ERROR "LibTorch ${EXPANDFT_TORCH_VERSION} in ${EXPANDFT_TORCH_DIR} is too old: 2.6 or newer is needed.")
endif()
message(STATUS "LibTorch ${EXPANDFT_TORCH_VERSION}: ${EXPANDFT_TORCH_DIR}")

# The wheel carries an OpenMP runtime under a name of its own; the zip does too.
add_library(expandft_torch INTERFACE)
add_library(expandft::torch ALIAS expandft_torch)
# -idirafter: torch ships headers of fmt and others that must not shadow the system's.
target_compile_options(expandft_torch INTERFACE
  "SHELL:-idirafter ${EXPANDFT_TORCH_DIR}/include"
  "SHELL:-idirafter ${EXPANDFT_TORCH_DIR}/include/torch/csrc/api/include")
target_link_options(expandft_torch INTERFACE
  "-Wl,--allow-shlib-undefined" "-Wl,-rpath,${EXPANDFT_TORCH_DIR}/lib")
target_link_libraries(expandft_torch INTERFACE
  "${EXPANDFT_TORCH_DIR}/lib/libtorch_cpu.so" "${EXPANDFT_TORCH_DIR}/lib/libc10.so")
