# Each file is a program of its own: 0 is success.
if(INC_HF_TESTS)
  enable_testing()
  file(GLOB tests CONFIGURE_DEPENDS tests/*.cc)
  foreach(source IN LISTS tests)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE inc_hf_core)
    add_test(NAME ${name} COMMAND ${name})
  endforeach()

  # Of an inline function in several files the linker keeps any one copy. If that is one for AVX-512, std::sort crashes on
  # every other CPU; so the files of an ISA define no such function.
  set(isa_objects $<FILTER:$<TARGET_OBJECTS:inc_hf_core>,INCLUDE,/avx[a-z0-9]*\\.cc\\.o$>)
  add_test(NAME isa_files_share_no_function COMMAND_EXPAND_LISTS
    COMMAND sh -c "! nm --print-file-name --demangle --defined-only \"$@\" | grep ' [Wu] '" sh ${isa_objects})
endif()

if(INC_HF_FUZZ)
  file(GLOB fuzzers CONFIGURE_DEPENDS tests/fuzz/*.cc)
  foreach(source IN LISTS fuzzers)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE inc_hf_core)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzzers)
  endforeach()
endif()
