#include "bf16gemm/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {
namespace {

const Bf16GemmUkernels* const kUkernels[] = {
#define UKERNEL(variant, MR, NR) &bf16gemm_ukernel_##MR##x##NR##__##variant,
#include "bf16gemm/ukernels.inc"
#undef UKERNEL
};

}  // namespace

const Bf16GemmUkernels& bf16gemm_ukernels(bf16gemm::Variant variant) {
  for (const Bf16GemmUkernels* ukernels : kUkernels) {
    if (ukernels->variant == variant) return *ukernels;
  }
  throw std::invalid_argument(std::string("There is no bfloat16 kernel for ") + variant_name(variant) + ".");
}

}  // namespace inc_hf
