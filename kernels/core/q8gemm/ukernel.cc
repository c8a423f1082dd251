#include "q8gemm/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {
namespace {

const Q8GemmUkernels* const kUkernels[] = {
#define UKERNEL(isa, MR, NR, KR) &q8gemm_ukernel_##MR##x##NR##c##KR##__##isa,
#include "q8gemm/ukernels.inc"
#undef UKERNEL
};

}  // namespace

const Q8GemmUkernels& q8gemm_ukernels(Isa isa, PanelLayout layout) {
  for (const Q8GemmUkernels* ukernels : kUkernels) {
    if (ukernels->isa == isa && ukernels->layout == layout) return *ukernels;
  }
  throw std::invalid_argument(std::string("There is no dense kernel of this layout for ") + isa_name(isa) + ".");
}

}  // namespace inc_hf
