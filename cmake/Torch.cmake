# Defines the target expandft::torch: LibTorch's CPU library and headers.
#
# Looked for: in TORCH_HOME alone when that is given (-DTORCH_HOME or the environment: an unpacked
# LibTorch zip, or the torch folder of an installed wheel), else in ./.venv, else in the active
# Python. Torch's own CMake package is not used: the CUDA wheel's demands a CUDA toolkit even for
# a CPU build.
set(TORCH_HOME "$ENV{TORCH_HOME}" CACHE PATH "LibTorch: folder with include/ and lib/")

set(_torch_version_files  # 2.9 moved the numbers to headeronly/
  include/torch/headeronly/version.h include/torch/csrc/api/include/torch/version.h)

if(TORCH_HOME)
  set(_candidates "${TORCH_HOME}")
else()
  file(GLOB _candidates "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
  find_program(EXPANDFT_PYTHON NAMES python3 python)
  mark_as_advanced(EXPANDFT_PYTHON)
  if(EXPANDFT_PYTHON AND NOT _candidates)
    execute_process(
      COMMAND "${EXPANDFT_PYTHON}" -c
        "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE _candidates OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()

set(EXPANDFT_TORCH_DIR "")
foreach(_dir IN LISTS _candidates)
  if(EXISTS "${_dir}/lib/libtorch_cpu.so" AND EXISTS "${_dir}/lib/libc10.so"
     AND EXISTS "${_dir}/include/ATen/ATen.h")
    file(REAL_PATH "${_dir}" EXPANDFT_TORCH_DIR)
    break()
  endif()
endforeach()
if(NOT EXPANDFT_TORCH_DIR)
  if(TORCH_HOME)
    set(_found "TORCH_HOME is ${TORCH_HOME}, which lacks lib/libtorch_cpu.so, lib/libc10.so or include/ATen/ATen.h.")
  else()
    set(_found "No torch package in .venv nor in the active Python.")
  endif()
  message(FATAL_ERROR
    "LibTorch was not found. ${_found}\n"
    "Run scripts/setup --build, or give -DTORCH_HOME=<folder with include/ and lib/>: an unpacked "
    "LibTorch zip (C++11 ABI, shared libraries), or site-packages/torch of the wheel.")
endif()

set(EXPANDFT_TORCH_VERSION "")
foreach(_file IN LISTS _torch_version_files)
  if(EXISTS "${EXPANDFT_TORCH_DIR}/${_file}" AND NOT EXPANDFT_TORCH_VERSION)
    file(READ "${EXPANDFT_TORCH_DIR}/${_file}" _text)
    if(_text MATCHES "TORCH_VERSION_MAJOR ([0-9]+).*TORCH_VERSION_MINOR ([0-9]+).*TORCH_VERSION_PATCH ([0-9]+)")
      set(EXPANDFT_TORCH_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
    endif()
  endif()
endforeach()
if(NOT EXPANDFT_TORCH_VERSION)
  message(FATAL_ERROR "LibTorch in ${EXPANDFT_TORCH_DIR} does not say its version: ${_torch_version_files} hold none.")
elseif(EXPANDFT_TORCH_VERSION VERSION_LESS 2.9)
  message(FATAL_ERROR "LibTorch ${EXPANDFT_TORCH_VERSION} in ${EXPANDFT_TORCH_DIR} is too old: 2.9 or newer is needed.")
endif()
message(STATUS "LibTorch ${EXPANDFT_TORCH_VERSION}: ${EXPANDFT_TORCH_DIR}")

foreach(_name torch_cpu c10)
  add_library(expandft_lib${_name} SHARED IMPORTED)
  set_target_properties(expandft_lib${_name} PROPERTIES
    IMPORTED_LOCATION "${EXPANDFT_TORCH_DIR}/lib/lib${_name}.so")
endforeach()
add_library(expandft_torch INTERFACE)
add_library(expandft::torch ALIAS expandft_torch)
# -idirafter: torch ships headers of fmt and others that must not shadow the system's.
target_compile_options(expandft_torch INTERFACE
  "SHELL:-idirafter ${EXPANDFT_TORCH_DIR}/include"
  "SHELL:-idirafter ${EXPANDFT_TORCH_DIR}/include/torch/csrc/api/include")
# The CUDA wheel's libtorch_cpu finds its CUDA libraries by a path of its own, at run time only.
target_link_options(expandft_torch INTERFACE -Wl,--allow-shlib-undefined)
target_link_libraries(expandft_torch INTERFACE expandft_libtorch_cpu expandft_libc10)
# LibTorch's own OpenMP runtime, for the file that is compiled with -fopenmp: another one would have threads of its own.
file(GLOB EXPANDFT_TORCH_OPENMP "${EXPANDFT_TORCH_DIR}/lib/libgomp*.so*")
if(NOT EXPANDFT_TORCH_OPENMP)
  set(EXPANDFT_TORCH_OPENMP gomp)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_libraries(expandft_torch INTERFACE ${EXPANDFT_TORCH_OPENMP})
endif()
