# inc_hf/_kernels.so: a plain library for `torch.ops.load_library`. It has no Python in it, and only LibTorch's stable
# ABI: one binary for every Python and every torch from TORCH_TARGET_VERSION on.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)

# Finding torch, unlike importing it, takes no time. Asked at every configuration: a cached path may be of another venv.
execute_process(
  COMMAND ${Python_EXECUTABLE} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
  OUTPUT_VARIABLE torch_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE no_torch)
if(no_torch)
  message(FATAL_ERROR "${Python_EXECUTABLE} has no torch. Install torch first, then inc-hf with --no-build-isolation.")
endif()
if(NOT EXISTS ${torch_dir}/include/torch/csrc/stable/library.h)
  message(FATAL_ERROR "The torch in ${torch_dir} is too old for its stable ABI; 2.11 or newer is needed.")
endif()
message(STATUS "torch: ${torch_dir}")

file(GLOB binding CONFIGURE_DEPENDS torch-ext/*.cpp)
add_library(_kernels MODULE ${binding})
set_target_properties(_kernels PROPERTIES PREFIX "" SUFFIX ".so")
target_compile_definitions(_kernels PRIVATE TORCH_TARGET_VERSION=0x020b000000000000)
target_include_directories(_kernels SYSTEM PRIVATE ${torch_dir}/include)
target_link_libraries(_kernels PRIVATE inc_hf_core ${torch_dir}/lib/libtorch_cpu${CMAKE_SHARED_LIBRARY_SUFFIX})
# No search path for torch: whoever loads this library has torch loaded, wherever that lies.
set_target_properties(_kernels PROPERTIES BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "")
if(NOT APPLE)
  target_link_options(_kernels PRIVATE $<$<CONFIG:Release>:-s>)
endif()

if(PROJECT_IS_TOP_LEVEL)
  install(TARGETS _kernels LIBRARY DESTINATION inc_hf)
endif()
