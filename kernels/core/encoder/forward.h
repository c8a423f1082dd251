// All layers of an encoder on the rows of whole sequences.
#pragma once

#include <cstdint>

#include "encoder/plan.h"
#include "parallel.h"

namespace inc_hf {

// x[rows][hidden] -> y[rows][hidden], the rows of the sequences one after another: those of sequence s are
// cu_seqlens[s] to cu_seqlens[s + 1] - 1. A sequence's result depends on that sequence alone, bit for bit.
// `every_layer`, unless it is null, gets the hidden states after each layer, [layers][rows][hidden]. `threads`: how
// many `parallel_for` has.
void encode(const EncoderPlan& plan, const float* x, const int64_t* cu_seqlens, int64_t sequences, float* y,
            float* every_layer, ParallelFor parallel_for, int64_t threads);

}  // namespace inc_hf
