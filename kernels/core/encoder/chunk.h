// Some whole sequences on their way through all layers.
//
// From one attention to the next lies a chain of steps on rows alone: output product, norm, feed-forward, norm, query,
// key and value of the next layer. A block of rows goes through the whole chain before the next one does.
#pragma once

#include "encoder/plan.h"
#include "parallel.h"
#include "scratch.h"

namespace inc_hf {

class Chunk {
 public:
  // Rows of sequence s: cu_seqlens[s] - cu_seqlens[0] and on.
  Chunk(const EncoderPlan& plan, const int64_t* cu_seqlens, int64_t sequences, ParallelFor parallel_for,
        int64_t threads);

  // x, y [rows][hidden]; `every_layer`, if not null, the same for each layer, `layer_stride` elements apart.
  void run(const float* x, float* y, float* every_layer, int64_t layer_stride);

 private:
  struct Rows;  // a block of rows, and memory for its steps

  template <typename F>
  void for_blocks(F f);
  void attend(const EncoderLayer& layer);
  void attend_head(const EncoderLayer& layer, int64_t sequence, int64_t head, uint8_t* scratch);
  void finish_layer(const EncoderLayer& layer, const Rows& rows);
  int64_t feed_forward(const EncoderLayer& layer, const float* input, const Rows& rows);
  void add_and_norm(const Product& product, const Norm& norm, const float* input, int64_t stride, const Rows& rows);
  void project(const EncoderLayer& layer, const Rows& rows);

  const EncoderPlan& plan_;
  const int64_t* cu_;
  int64_t sequences_, rows_;
  ParallelFor parallel_for_;
  int64_t threads_;
  Scratch<float> memory_;
  float *hidden_, *context_;
  float *query_, *key_, *value_;  // rows `stride_` apart
  int64_t stride_;
};

}  // namespace inc_hf
