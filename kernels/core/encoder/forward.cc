#include "encoder/forward.h"

#include <algorithm>
#include <vector>

#include "encoder/chunk.h"

namespace inc_hf {
namespace {

constexpr int64_t kChunkRows = 128;  // that go through all layers together, so that they stay in the second-level cache

// Sequences [first, end).
struct Range {
  int64_t first, end;
};

int64_t rows_of(const int64_t* cu, Range range) { return cu[range.end] - cu[range.first]; }

// Cuts into ranges of at most `rows` rows, or of one longer sequence.
std::vector<Range> cut(const int64_t* cu, Range all, int64_t rows) {
  std::vector<Range> ranges;
  for (int64_t first = all.first; first < all.end;) {
    int64_t end = first + 1;
    while (end < all.end && cu[end + 1] - cu[first] <= rows) end++;
    ranges.push_back({first, end});
    first = end;
  }
  return ranges;
}

// One range for each thread, of about as many rows; fewer if there are not enough sequences.
std::vector<Range> share(const int64_t* cu, int64_t sequences, int64_t threads) {
  std::vector<Range> shares;
  const int64_t rows = cu[sequences] - cu[0];
  for (int64_t t = 0, first = 0; t < threads && first < sequences; t++) {
    const int64_t wanted = cu[0] + rows * (t + 1) / threads;
    int64_t end = first + 1;
    while (end < sequences && cu[end + 1] - wanted <= wanted - cu[end]) end++;
    if (t == threads - 1) end = sequences;
    shares.push_back({first, end});
    first = end;
  }
  return shares;
}

// Whether each thread is better off with sequences of its own than all of them with one chunk after another.
bool is_even(const int64_t* cu, const std::vector<Range>& shares, int64_t rows, int64_t threads) {
  int64_t most = 0;
  for (const Range& range : shares) most = std::max(most, rows_of(cu, range));
  return most * threads * 4 <= rows * 5;
}

}  // namespace

void encode(const EncoderPlan& plan, const float* x, const int64_t* cu, int64_t sequences, float* y, float* every_layer,
            ParallelFor parallel_for, int64_t threads) {
  const int64_t rows = cu[sequences] - cu[0];
  const auto run = [&](const Range& range, ParallelFor inner, int64_t inner_threads) {
    for (const Range& part : cut(cu, range, kChunkRows * inner_threads)) {
      const int64_t at = (cu[part.first] - cu[0]) * plan.hidden;
      float* const layers = every_layer == nullptr ? nullptr : every_layer + at;
      Chunk(plan, cu + part.first, part.end - part.first, inner, inner_threads)
          .run(x + at, y + at, layers, rows * plan.hidden);
    }
  };
  const std::vector<Range> shares = share(cu, sequences, threads);
  if (threads == 1 || !is_even(cu, shares, rows, threads)) return run({0, sequences}, parallel_for, threads);
  run_parallel(parallel_for, static_cast<int64_t>(shares.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) run(shares[i], serial, 1);
  });
}

}  // namespace inc_hf
