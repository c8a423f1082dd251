#include "simd/scalar.h"

#include "bf16gemm/generic.h"

namespace {

struct Scalar : Widened {
  static F32 add(F32 acc, const float* x, F32 w) { return acc + set1(*x) * w; }  // fmaf() is a call on plain x86-64
};

template <int kRows>
constexpr inc_hf::Bf16GemmTile kTile = bf16gemm_tile<Scalar, kRows, 1, 8>;

}  // namespace

namespace inc_hf {

const Bf16GemmUkernels bf16gemm_ukernel_4x8__scalar = {"bf16gemm_ukernel_4x8__scalar",
                                                       bf16gemm::Variant::kScalar,
                                                       4,
                                                       8,
                                                       kChunk,
                                                       bf16gemm_pack<Scalar>,
                                                       {kTile<1>, kTile<2>, kTile<3>, kTile<4>},
                                                       1,
                                                       kTile<1>,
                                                       bf16gemm_finish};

}  // namespace inc_hf
