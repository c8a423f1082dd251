# inc_hf/_kernels.so: a plain library for `torch.ops.load_library`. It has no Python in it, and of torch only the
# stable C ABI: one binary for every Python and every torch >= 2.11. torch itself is not needed to compile it.
file(GLOB binding CONFIGURE_DEPENDS torch-ext/*.cpp)
add_library(_kernels MODULE ${binding})
set_target_properties(_kernels PROPERTIES PREFIX "" SUFFIX ".so")

# Torch's functions are found when the library is loaded, in the libtorch_cpu.so that torch has loaded by then. The
# library has to name that file for it; so an empty one of that name is linked, and thrown away.
file(CONFIGURE OUTPUT empty.cc CONTENT "")
add_library(torch_cpu SHARED ${CMAKE_CURRENT_BINARY_DIR}/empty.cc)
set_target_properties(torch_cpu PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/torch_stub)
target_link_libraries(_kernels PRIVATE inc_hf_core -Wl,--no-as-needed torch_cpu -Wl,--as-needed)

# No search path for torch: whoever loads this library has torch loaded, wherever that lies.
set_target_properties(_kernels PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "")
target_link_options(_kernels PRIVATE $<$<CONFIG:Release>:-s>)

if(PROJECT_IS_TOP_LEVEL)
  install(TARGETS _kernels LIBRARY DESTINATION inc_hf)
endif()
