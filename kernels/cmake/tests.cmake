# Each file is a program of its own: 0 is success. It is compiled once, and linked once for each way to be run.
if(INC_HF_TESTS)
  enable_testing()
  file(GLOB tests CONFIGURE_DEPENDS tests/test_*.cc)
  foreach(source IN LISTS tests)
    get_filename_component(name ${source} NAME_WE)
    add_library(${name}_object OBJECT ${source})
    target_include_directories(${name}_object PRIVATE core)
    add_executable(${name} $<TARGET_OBJECTS:${name}_object>)
    target_link_libraries(${name} PRIVATE inc_hf_core)
    add_test(NAME ${name} COMMAND ${name})
  endforeach()

  # As a test it measures next to nothing: it shows that every line of the lists has a row.
  add_executable(bench_ukernels tools/bench_ukernels.cc)
  target_link_libraries(bench_ukernels PRIVATE inc_hf_core)
  add_test(NAME bench_ukernels COMMAND bench_ukernels 0)
  add_executable(bench_encoder tools/bench_encoder.cc)
  target_link_libraries(bench_encoder PRIVATE inc_hf_core)
  add_test(NAME bench_encoder COMMAND bench_encoder 0.8 0)

  # AVX512-VNNI has the instruction of AVX-VNNI in another encoding. For the CPUs that have only that one, the tests of
  # q8 and attention are built once more: with these four files the linker needs none of the same names from the library.
  if(isa_sources MATCHES "avxvnni")
    foreach(op q8gemm q8spmm attention)
      file(CONFIGURE OUTPUT evex_${op}.cc CONTENT "#include \"${op}/avxvnni.cc\"\n")
      set_source_files_properties(${CMAKE_CURRENT_BINARY_DIR}/evex_${op}.cc PROPERTIES
        COMPILE_OPTIONS "${flags_avx512vnni}")
    endforeach()
    file(CONFIGURE OUTPUT evex_isa.cc CONTENT [[
#define is_supported is_supported_as_is
#include "isa.cc"
#undef is_supported
namespace inc_hf {
bool is_supported(Isa isa);
bool is_supported(Isa isa) { return is_supported_as_is(isa == Isa::kAvxVnni ? Isa::kAvx512Vnni : isa); }
}
]])
    add_library(evex OBJECT evex_isa.cc evex_q8gemm.cc evex_q8spmm.cc evex_attention.cc)
    target_include_directories(evex PRIVATE core)
    foreach(name test_packed test_q8 test_q8gemm test_q8spmm test_attention)
      add_executable(${name}_evex $<TARGET_OBJECTS:${name}_object> $<TARGET_OBJECTS:evex>)
      target_link_libraries(${name}_evex PRIVATE inc_hf_core)
      add_test(NAME ${name}_evex COMMAND ${name}_evex avxvnni)
    endforeach()
  endif()

  # Few CPUs have AMX. Its kernels are compiled once more, with tile registers in plain C++ in the place of the compiler's
  # intrinsics: tests/emulated/. What they take from AVX-512 comes from the best that this CPU has.
  if(isa_sources MATCHES "/amx[.]cc")
    file(CONFIGURE OUTPUT emulated_isa.cc CONTENT [[
#define is_supported is_supported_as_is
#define vector_isa vector_isa_as_is
#define current_isa current_isa_as_is
#include "isa.cc"
#undef is_supported
#undef vector_isa
#undef current_isa
namespace inc_hf {
bool is_supported(Isa isa);
Isa vector_isa(Isa isa);
Isa current_isa();
Isa current_isa() { return Isa::kAmx; }
bool is_supported(Isa isa) { return isa == Isa::kAmx || is_supported_as_is(isa); }
Isa vector_isa(Isa isa) {
  if (isa != Isa::kAmx) return isa;
  for (Isa other : kAllIsas) {
    if (other != Isa::kAmx && is_supported_as_is(other)) return other;
  }
  return Isa::kScalar;
}
}
]])
    add_library(emulated OBJECT emulated_isa.cc)
    target_include_directories(emulated PRIVATE tests/emulated core)
    foreach(op q8gemm bf16gemm attention)
      file(CONFIGURE OUTPUT emulated_${op}.cc CONTENT "#include \"${op}/amx.cc\"\n")
      target_sources(emulated PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/emulated_${op}.cc)
    endforeach()
    add_executable(test_tiles tests/emulated/test_tiles.cc)
    target_include_directories(test_tiles PRIVATE tests/emulated core)
    add_test(NAME test_tiles COMMAND test_tiles)
    foreach(name test_packed test_q8 test_q8gemm test_q8spmm test_bf16gemm test_attention test_encoder)
      add_executable(${name}_amx $<TARGET_OBJECTS:${name}_object> $<TARGET_OBJECTS:emulated>)
      target_link_libraries(${name}_amx PRIVATE inc_hf_core)
      add_test(NAME ${name}_amx COMMAND ${name}_amx amx)
    endforeach()
  endif()

  # Of an inline function in several files the linker keeps any one copy. If that is one for AVX-512, std::sort crashes on
  # every other CPU; so the files of an ISA define no such function.
  set(isa_objects "$<FILTER:$<TARGET_OBJECTS:inc_hf_core>,INCLUDE,/(amx|avx|neon)[a-z0-9]*\\.cc\\.o$>")
  add_test(NAME isa_files_share_no_function COMMAND_EXPAND_LISTS
    COMMAND sh -c "! ${CMAKE_NM} --print-file-name --demangle --defined-only \"$@\" | grep ' [Wu] '" sh ${isa_objects})
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
