#include "q8spmm/ukernel.h"

#include <stdexcept>
#include <string>

namespace inc_hf {
namespace {

const Q8SpmmUkernels* const kUkernels[] = {
#define UKERNEL(isa, TOKENS) &q8spmm_ukernel_##TOKENS##x4c4__##isa,
#include "q8spmm/ukernels.inc"
#undef UKERNEL
};

}  // namespace

const Q8SpmmUkernels& q8spmm_ukernels(Isa isa, int max_tokens) {
  const Q8SpmmUkernels* found = nullptr;
  for (const Q8SpmmUkernels* ukernels : kUkernels) {  // widest first
    if (ukernels->isa == isa && (found == nullptr || found->tokens > max_tokens)) found = ukernels;
  }
  if (found == nullptr)
    throw std::invalid_argument(std::string("There is no sparse kernel for ") + isa_name(isa) + ".");
  return *found;
}

}  // namespace inc_hf
