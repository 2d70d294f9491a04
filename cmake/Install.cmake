# cmake --install <build> --prefix X: the program, the shipped configs and evaluation tasks, and
# the data these name. configs/ and data/ lie as in the source tree, so that the relative paths
# in the files hold in both places.
option(EXPANDFT_BUNDLE_TORCH
  "Install LibTorch's CPU libraries and all else the program loads, so that the tree runs alone" OFF)

set(_libraries ${CMAKE_INSTALL_LIBDIR}/expandft)
file(RELATIVE_PATH _up "/${CMAKE_INSTALL_BINDIR}" "/${_libraries}")
if(EXPANDFT_BUNDLE_TORCH)
  # DT_RPATH (the old tags) also holds for what the bundled libraries load; DT_RUNPATH would not.
  target_link_options(expandft PRIVATE -Wl,--disable-new-dtags)
  set_target_properties(expandft PROPERTIES INSTALL_RPATH "$ORIGIN/${_up}")
  # From the system stay: the C and C++ runtimes, which must match the machine's own.
  install(TARGETS expandft RUNTIME_DEPENDENCY_SET expandft_runtime)
  install(RUNTIME_DEPENDENCY_SET expandft_runtime
    PRE_EXCLUDE_REGEXES "^ld-linux" "^linux-vdso" "^lib(c|m|dl|rt|pthread|util|gcc_s|stdc\\+\\+)\\.so"
    DIRECTORIES ${EXPANDFT_TORCH_DIR}/lib
    LIBRARY DESTINATION ${_libraries})
else()
  set_target_properties(expandft PROPERTIES
    INSTALL_RPATH "$ORIGIN/${_up};${EXPANDFT_TORCH_DIR}/lib")
  install(TARGETS expandft)
endif()

# The GPU plugin: where runtime/cuda_plugin.cpp looks for it. It loads what LibTorch's CUDA half has
# loaded before it, so it needs no path of its own; EXPANDFT_BUNDLE_TORCH leaves it out with that half.
if(EXPANDFT_HAS_CUDA AND NOT EXPANDFT_BUNDLE_TORCH)
  set_target_properties(expandft_cuda PROPERTIES INSTALL_RPATH "${EXPANDFT_TORCH_DIR}/lib")
  install(TARGETS expandft_cuda LIBRARY DESTINATION ${_libraries})
endif()

set(_share ${CMAKE_INSTALL_DATADIR}/expandft)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/configs DESTINATION ${_share} FILES_MATCHING PATTERN *.json)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/data DESTINATION ${_share})
# The program looks for tasks in share/expandft/tasks.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share)
file(CREATE_LINK configs/tasks ${CMAKE_BINARY_DIR}/share/tasks SYMBOLIC)
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/ DESTINATION ${_share})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
