// y = epilogue(codes of x * packed weight): the drivers that loop over tiles and threads.
#pragma once

#include <stdint.h>

#include "parallel.h"
#include "q8/packed.h"
#include "q8/rows.h"

namespace inc_hf {

// Rows of codes are this long: the kernels read whole groups of k.
inline int64_t padded_k(int64_t k) { return (k + 15) / 16 * 16; }

// x[m][k], rows `stride` apart -> codes[m][padded_k(k)] and scales[m].
void quantize_rows(Isa isa, const Quantizer& quantizer, const float* x, int64_t stride, int64_t m, int64_t k,
                   uint8_t* codes, float* scales, ParallelFor parallel_for);

// codes[m][padded_k(k)] against the weight, dense or sparse as it is packed. Of `epilogue`, the row scales, the
// activation and the output are the caller's; what belongs to the channels is filled in here. A row's result depends
// on that row only. `threads`: how many `parallel_for` has.
void multiply(const PackedWeight& weight, const uint8_t* codes, int64_t m, int zero_point, Epilogue epilogue,
              ParallelFor parallel_for, int64_t threads = 1);

// Both in one: the quantized rows are kept for the time of the call.
void linear(const PackedWeight& weight, const Quantizer& quantizer, const float* x, int64_t stride, int64_t m,
            const Epilogue& epilogue, ParallelFor parallel_for, int64_t threads);

}  // namespace inc_hf
