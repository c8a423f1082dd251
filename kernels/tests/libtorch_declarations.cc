// Compiles if the declarations in torch-ext/libtorch.h are those of the torch whose headers are given; compiled by
// tests/ops/test_declarations.py. A function of C that is declared twice must have the same type both times.
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/c/shim.h>

#include "../torch-ext/libtorch.h"

static_assert(inc_hf::torch_ext::kOldestTorch == TORCH_VERSION_2_11_0);
