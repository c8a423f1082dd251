// The dense product of q8/linear.h.
#pragma once

#include "parallel.h"
#include "q8/packed.h"
#include "q8/rows.h"

namespace inc_hf {

void multiply_panels(const PackedWeight& weight, const uint8_t* codes, int64_t m, const Epilogue& epilogue,
                     ParallelFor parallel_for);

}  // namespace inc_hf
