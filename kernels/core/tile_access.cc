#include "tile_access.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace inc_hf {
namespace {

bool bit(unsigned x, int i) { return (x >> i & 1) != 0; }

// AMX-TILE, AMX-INT8 and AMX-BF16, and eight tiles of 16 rows of 64 bytes: some virtual machines show the first only.
bool cpu_has_tiles() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  if (!bit(edx, 22) || !bit(edx, 24) || !bit(edx, 25)) return false;
  if (__get_cpuid_count(0x1d, 1, &eax, &ebx, &ecx, &edx) == 0) return false;
  return eax >> 16 == 1024 && (ebx & 0xffff) == 64 && ebx >> 16 >= 8 && (ecx & 0xffff) >= 16;
}

// Bits 17 and 18 of what the operating system saves when it switches threads: configuration and contents of the tiles.
bool system_saves_tiles() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || !bit(ecx, 27)) return false;
  asm("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  return bit(eax, 17) && bit(eax, 18);
}

bool linux_permits_tiles() {
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}

}  // namespace

TileAccess ask_for_tiles(bool cpu_has_them) {
  if (!cpu_has_them) return TileAccess::kAbsent;
  return system_saves_tiles() && linux_permits_tiles() ? TileAccess::kGranted : TileAccess::kRefused;
}

TileAccess tile_access() {
  static const TileAccess access = ask_for_tiles(cpu_has_tiles());
  return access;
}

}  // namespace inc_hf
#else
namespace inc_hf {

TileAccess ask_for_tiles(bool) { return TileAccess::kAbsent; }
TileAccess tile_access() { return TileAccess::kAbsent; }

}  // namespace inc_hf
#endif
