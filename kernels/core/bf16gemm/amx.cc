#if defined(__x86_64__)
#include "simd/avx512.h"

#include "bf16gemm/chunk_avx512bf16.h"
#include "bf16gemm/generic.h"
#include "simd/amx.h"

namespace {

constexpr int kPairs = kTileBytes / 4;  // pairs of k in a tile
constexpr int kNr = 2 * kTileChannels;

struct TilePairs {
  static constexpr int kSteps = 1;
  static void pack(float* a, const float* x, int n) { round_chunk(a, x, n); }
  static void add0() { _tile_dpbf16ps(0, 4, 6); }
  static void add1() { _tile_dpbf16ps(1, 4, 7); }
  static void add2() { _tile_dpbf16ps(2, 5, 6); }
  static void add3() { _tile_dpbf16ps(3, 5, 7); }
};

// A chunk of packed activations is a tile: beyond k, both it and the panel are zero. A row alone goes through the
// tiles, too, so that its sums come about in the same order as with others.
template <int kRows>
void tile(const void* activations, const uint16_t* w, int64_t, int64_t pairs, float* c) {
  const char *a = (const char*)activations, *panel = (const char*)w;
  TileBlock<kRows>::begin();
  for (; pairs > 0; pairs -= kPairs, a += kRows * kTileBytes, panel += kPairs * kTilePanel) {
    TileBlock<kRows>::template add<TilePairs>(a, kTileBytes, panel);
  }
  TileBlock<kRows>::store(c);
}

}  // namespace

namespace inc_hf {

const Bf16GemmUkernels bf16gemm_ukernel_32x32__amx = {
    "bf16gemm_ukernel_32x32__amx",
    bf16gemm::Variant::kAmx,
    kTallest,
    kNr,
    2 * kChunk,
    bf16gemm_pack<TilePairs>,
    {tile<1>,  tile<2>,  tile<3>,  tile<4>,  tile<5>,  tile<6>,  tile<7>,  tile<8>,  tile<9>,  tile<10>, tile<11>,
     tile<12>, tile<13>, tile<14>, tile<15>, tile<16>, tile<17>, tile<18>, tile<19>, tile<20>, tile<21>, tile<22>,
     tile<23>, tile<24>, tile<25>, tile<26>, tile<27>, tile<28>, tile<29>, tile<30>, tile<31>, tile<32>},
    1,
    tile<1>,
    bf16gemm_finish,
    configure_tiles};

}  // namespace inc_hf
#endif
