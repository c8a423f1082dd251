#include "bf16gemm/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {

const Bf16GemmUkernels& bf16gemm_ukernels(bf16gemm::Variant variant) {
  for (const Bf16GemmUkernels* ukernels : kAllBf16GemmUkernels) {
    if (ukernels->variant == variant) return *ukernels;
  }
  throw std::invalid_argument(std::string("There is no bfloat16 kernel for ") + variant_name(variant) + ".");
}

}  // namespace inc_hf
