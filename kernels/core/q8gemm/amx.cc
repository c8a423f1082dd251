#if defined(__x86_64__)
#include <string.h>

#include "q8gemm/dot_avx512vnni.h"
#include "q8gemm/generic.h"
#include "simd/amx.h"

namespace {

constexpr int kGroups = kTileBytes / 4;  // quads of k in a tile

// u8 x s8, the codes and the weights as they are: no sum can be wrong.
struct TileQuads {
  static void add0() { _tile_dpbusd(0, 4, 6); }
  static void add1() { _tile_dpbusd(1, 4, 7); }
  static void add2() { _tile_dpbusd(2, 5, 6); }
  static void add3() { _tile_dpbusd(3, 5, 7); }
};

template <int kRows>
void tile(const void* a_rows, int64_t a_stride, const int8_t* panel, int64_t k_groups, int32_t* c) {
  using Block = TileBlock<kRows>;
  const uint8_t* a = (const uint8_t*)a_rows;
  Block::begin();
  for (; k_groups >= kGroups; k_groups -= kGroups, a += kTileBytes, panel += kGroups * kTilePanel) {
    Block::template add<TileQuads>(a, a_stride, panel);
  }
  if (k_groups > 0) {  // the rows may end here: the panel has zeros to whole tiles, they have not
    alignas(64) uint8_t rest[kRows * kTileBytes] = {};
    for (int i = 0; i < kRows; i++) memcpy(rest + i * kTileBytes, a + i * a_stride, (size_t)(k_groups * 4));
    written(rest);
    Block::template add<TileQuads>(rest, kTileBytes, panel);
  }
  Block::store(c);
}

// For so few rows tiles are hardly filled, and vectors are faster.
template <int kRows>
constexpr inc_hf::Q8GemmUkernel kFew = q8gemm_tile<Quads, kRows, kTallest / Quads::kWidth>;

}  // namespace

namespace inc_hf {

const Q8GemmUkernels q8gemm_ukernel_32x32c64__amx = {
    "q8gemm_ukernel_32x32c64__amx",
    Isa::kAmx,
    PanelLayout::kQuads,
    kTallest,
    32,
    {kFew<1>,  kFew<2>,  kFew<3>,  kFew<4>,  tile<5>,  tile<6>,  tile<7>,  tile<8>,  tile<9>,  tile<10>, tile<11>,
     tile<12>, tile<13>, tile<14>, tile<15>, tile<16>, tile<17>, tile<18>, tile<19>, tile<20>, tile<21>, tile<22>,
     tile<23>, tile<24>, tile<25>, tile<26>, tile<27>, tile<28>, tile<29>, tile<30>, tile<31>, tile<32>},
    configure_tiles};

}  // namespace inc_hf
#endif
