# The GPU plugin, libexpandft_cuda.so: kernels of our own (src/cuda), loaded by the program when a GPU is
# chosen. The program itself needs no CUDA, neither to build nor to run on a CPU.
#
# Defines EXPANDFT_HAS_CUDA, the target expandft::c10_cuda, and expandft_cuda_objects(). nvcc is called by
# rules of our own: the kernels need no headers of LibTorch's, and CMake's own CUDA language
# stops the whole configuration where nvcc is older or newer than it expects.
set(EXPANDFT_CUDA AUTO CACHE STRING
  "Build the GPU plugin: AUTO (where nvcc and LibTorch's CUDA libraries are there), ON or OFF")
set_property(CACHE EXPANDFT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(EXPANDFT_CUDA_ARCHITECTURES "80;90;100" CACHE STRING
  "GPUs to compile for; newer ones than the last are served by its intermediate code")

# Sets `result` to why the plugin cannot be built, or to "".
function(expandft_find_cuda result)
  set(${result} "" PARENT_SCOPE)
  find_program(EXPANDFT_NVCC nvcc HINTS "$ENV{CUDA_HOME}/bin" "$ENV{CUDA_PATH}/bin" /usr/local/cuda/bin)
  if(NOT EXPANDFT_NVCC)
    set(${result} "nvcc was not found (PATH, CUDA_HOME, /usr/local/cuda)" PARENT_SCOPE)
    return()
  endif()
  foreach(_name torch_cuda c10_cuda)
    if(NOT EXISTS "${EXPANDFT_TORCH_DIR}/lib/lib${_name}.so")
      set(${result} "LibTorch in ${EXPANDFT_TORCH_DIR} is the CPU's alone: it has no lib${_name}.so" PARENT_SCOPE)
      return()
    endif()
  endforeach()

  # The CUDA runtime that LibTorch itself loads: a second one in the process would see no errors of the first's.
  execute_process(COMMAND ${CMAKE_READELF} -d "${EXPANDFT_TORCH_DIR}/lib/libc10_cuda.so"
    OUTPUT_VARIABLE _needs ERROR_QUIET)
  if(NOT _needs MATCHES "\\[(libcudart[^]]*\\.so\\.([0-9]+)[^]]*)\\]")
    set(${result} "libc10_cuda.so names no CUDA runtime" PARENT_SCOPE)
    return()
  endif()
  set(_name ${CMAKE_MATCH_1})
  set(_wanted ${CMAKE_MATCH_2})
  file(GLOB _runtimes "${EXPANDFT_TORCH_DIR}/lib/${_name}" "${EXPANDFT_TORCH_DIR}/../nvidia/*/lib/${_name}")
  if(NOT _runtimes)
    set(${result} "${_name}, which LibTorch needs, is not beside it" PARENT_SCOPE)
    return()
  endif()
  list(GET _runtimes 0 _runtime)
  file(REAL_PATH "${_runtime}" _runtime)
  execute_process(COMMAND "${EXPANDFT_NVCC}" --version OUTPUT_VARIABLE _version ERROR_QUIET)
  string(REGEX MATCH "release ([0-9]+)\\.([0-9]+)" _version "${_version}")
  if(NOT "${CMAKE_MATCH_1}" STREQUAL "${_wanted}")
    set(${result} "${EXPANDFT_NVCC} is of CUDA ${CMAKE_MATCH_1}, LibTorch of CUDA ${_wanted}" PARENT_SCOPE)
    return()
  endif()
  get_filename_component(_home "${EXPANDFT_NVCC}" REALPATH)
  get_filename_component(_home "${_home}" DIRECTORY)
  set(EXPANDFT_CUDA_HEADERS "${_home}/../include" PARENT_SCOPE)
  set(EXPANDFT_CUDA_RUNTIME "${_runtime}" PARENT_SCOPE)
  set(EXPANDFT_CUDA_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}" PARENT_SCOPE)
endfunction()

# expandft_cuda_objects(variable file.cu…): compiles each, and lists the objects.
function(expandft_cuda_objects variable)
  set(targets "")
  foreach(architecture IN LISTS EXPANDFT_CUDA_ARCHITECTURES)
    list(APPEND targets -gencode arch=compute_${architecture},code=sm_${architecture})
    set(newest ${architecture})
  endforeach()
  list(APPEND targets -gencode arch=compute_${newest},code=compute_${newest})
  set(host -fPIC -fvisibility=hidden -Wall -Wextra -Wshadow)
  set(strict "")
  if(EXPANDFT_WERROR)
    set(strict -Werror all-warnings)
    list(APPEND host -Werror)
  endif()
  list(JOIN host "," host)
  set(compiler "")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(compiler -ccbin ${CMAKE_CXX_COMPILER})
  endif()
  set(objects "")
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
    add_custom_command(OUTPUT "${object}"
      COMMAND ${EXPANDFT_CCACHE} ${EXPANDFT_NVCC} ${compiler} --std=c++20 -O3 ${targets} ${strict}
        -Xcompiler ${host} -I ${CMAKE_SOURCE_DIR}/src -MD -MF "${object}.d" -c "${file}" -o "${object}"
      DEPENDS "${file}" DEPFILE "${object}.d" VERBATIM
      COMMENT "Compiling ${name} for GPUs")
    list(APPEND objects "${object}")
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()

set(EXPANDFT_HAS_CUDA OFF)
if(EXPANDFT_CUDA)
  expandft_find_cuda(_problem)
  if(NOT _problem)
    set(EXPANDFT_HAS_CUDA ON)
    message(STATUS "GPU plugin: CUDA ${EXPANDFT_CUDA_VERSION}, for ${EXPANDFT_CUDA_ARCHITECTURES}")
  elseif(EXPANDFT_CUDA STREQUAL "AUTO")
    message(STATUS "GPU plugin: left out. ${_problem}")
  else()
    message(FATAL_ERROR "EXPANDFT_CUDA=${EXPANDFT_CUDA}, but the GPU plugin cannot be built: ${_problem}.")
  endif()
endif()

if(EXPANDFT_HAS_CUDA)
  add_library(expandft_c10_cuda INTERFACE)
  add_library(expandft::c10_cuda ALIAS expandft_c10_cuda)
  target_link_libraries(expandft_c10_cuda INTERFACE expandft::torch
    "${EXPANDFT_TORCH_DIR}/lib/libc10_cuda.so" "${EXPANDFT_CUDA_RUNTIME}")
  target_compile_options(expandft_c10_cuda INTERFACE "SHELL:-idirafter ${EXPANDFT_CUDA_HEADERS}")
endif()
