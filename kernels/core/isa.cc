#include "isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tile_access.h"

namespace inc_hf {

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvxVnni: return "avxvnni";
    case Isa::kAvx512Vnni: return "avx512vnni";
    case Isa::kNeonDot: return "neondot";
    case Isa::kAmx: return "amx";
  }
  return "unknown";
}

Isa parse_isa(const char* name) {
  std::string choices;
  for (Isa isa : kAllIsas) {
    if (std::strcmp(name, isa_name(isa)) == 0) return isa;
    choices += std::string(choices.empty() ? "" : ", ") + isa_name(isa);
  }
  throw std::invalid_argument("Unknown ISA '" + std::string(name) + "'; choose one of " + choices + ".");
}

Isa vector_isa(Isa isa) { return isa == Isa::kAmx ? Isa::kAvx512Vnni : isa; }

#if defined(__x86_64__)
namespace {
// Clang 14 does not know the name "avxvnni".
bool cpuid_has_avxvnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax >> 4 & 1) != 0;
}

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

// What the kernels of AMX do outside of its tiles.
bool has_vectors_beside_tiles() { return is_supported(Isa::kAvx512Vnni) && has_avx512bf16(); }
}  // namespace

bool is_supported(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return true;
    case Isa::kAvx2: return has_avx2();
    case Isa::kAvxVnni: return has_avx2() && cpuid_has_avxvnni();
    case Isa::kAvx512Vnni: return has_avx512() && __builtin_cpu_supports("avx512vnni");
    case Isa::kNeonDot: return false;
    case Isa::kAmx: return has_vectors_beside_tiles() && tile_access() == TileAccess::kGranted;
  }
  return false;
}

bool is_refused(Isa isa) {
  return isa == Isa::kAmx && has_vectors_beside_tiles() && tile_access() == TileAccess::kRefused;
}

bool has_avx512bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

// Intel keeps its fast BF16 for AMX: on Sapphire Rapids these instructions take 1.6 times as long as float ones.
bool has_fast_avx512bf16() { return has_avx512bf16() && __builtin_cpu_is("amd"); }
#else
namespace {
bool has_neondot() {
#if defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__aarch64__) && defined(__APPLE__)
  int value = 0;
  size_t size = sizeof(value);
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &value, &size, nullptr, 0) == 0 && value != 0;
#else
  return false;
#endif
}
}  // namespace

bool is_supported(Isa isa) { return isa == Isa::kScalar || (isa == Isa::kNeonDot && has_neondot()); }
bool is_refused(Isa) { return false; }
bool has_avx512bf16() { return false; }
bool has_fast_avx512bf16() { return false; }
#endif

namespace {
Isa choose() {
  const char* name = std::getenv("INC_HF_ISA");
  // Where Python runs something else than these kernels, they still serve whoever calls them.
  const bool elsewhere = name != nullptr && std::strcmp(name, "reference") == 0;
  if (name != nullptr && *name != '\0' && !elsewhere) {
    const Isa isa = parse_isa(name);
    if (!is_supported(isa)) {
      throw std::invalid_argument(
          "INC_HF_ISA=" + std::string(name) +
          (is_refused(isa) ? ": the operating system does not let this process use it." : ": this CPU lacks it."));
    }
    return isa;
  }
  for (Isa isa : kAllIsas) {
    if (is_supported(isa)) return isa;
  }
  return Isa::kScalar;
}
}  // namespace

Isa current_isa() {
  static const Isa isa = choose();
  return isa;
}

}  // namespace inc_hf
