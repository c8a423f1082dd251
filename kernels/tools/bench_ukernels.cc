// How fast every micro-kernel is on one thread, on data that stay in the first caches: a row for each line of every
// ukernels.inc. scripts/bench_ukernels.sh builds and runs it.
//
//     bench_ukernels [SECONDS]     for each row, default 0.2
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bf16gemm/blob.h"
#include "bf16gemm/ukernel.h"
#include "elementwise/ukernel.h"
#include "q8gemm/ukernel.h"
#include "q8spmm/ukernel.h"

namespace {

using namespace inc_hf;

constexpr int64_t kK = 384, kQuads = 24;  // of the sparse ones: 75 % zeros
constexpr int kCalls = 100;               // between two looks at the clock

double seconds = 0.2;

// Prints a row: how many of `work` the fastest of many calls does.
template <typename F>
void measure(const char* name, const char* unit, double work, F call) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begin = Clock::now();
  double best = 1e30;
  std::chrono::duration<double> elapsed;
  do {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < kCalls; i++) call();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count() / kCalls);
    elapsed = Clock::now() - begin;
  } while (elapsed.count() < seconds);
  std::printf("| `%s` | %s | %.2f |\n", name, unit, work / best / 1e9);
}

void bench(const Q8GemmUkernels& u) {
  const std::vector<int16_t> a(u.mr * kK, 1);  // bytes or pairs of them
  const std::vector<int8_t> panel(u.nr * panel_k(u.isa, kK), 1);
  std::vector<int32_t> c(u.mr * u.nr);
  const int64_t groups = kK / static_cast<int64_t>(u.layout);
  TileRows tile_rows(u.configure);
  tile_rows.set(u.mr);
  measure(u.name, "multiply-adds", u.mr * u.nr * kK,
          [&] { u.rows[u.mr - 1](a.data(), kK, panel.data(), groups, c.data()); });
}

void bench(const Q8SpmmUkernels& u) {
  const std::vector<uint8_t> xt(u.tokens * kK, 1);
  std::vector<uint16_t> ks(4 * kQuads);
  for (int64_t i = 0; i < 4 * kQuads; i++) ks[i] = static_cast<uint16_t>(i * kK / (4 * kQuads));
  const std::vector<int8_t> w(16 * kQuads, 1);
  std::vector<int32_t> c(u.tokens * kBlockRows);
  measure(u.name, "multiply-adds", u.tokens * 16 * kQuads,
          [&] { u.run(xt.data(), ks.data(), w.data(), kQuads, c.data(), kBlockRows); });
}

void bench(const Bf16GemmUkernels& u) {
  const std::vector<float> x(u.mr * kK, 1);
  std::vector<char> a(kK / u.chunk * u.mr * kBf16GemmChunkBytes);
  u.pack(x.data(), kK, u.mr, kK, a.data());
  const int64_t stride = bf16gemm::panel_stride(u, kK);
  const std::vector<uint16_t> panel(stride, 0x3f80);
  std::vector<float> c(u.mr * u.nr);
  TileRows tile_rows(u.configure);
  tile_rows.set(u.mr);
  measure(u.name, "multiply-adds", u.mr * u.nr * kK,
          [&] { u.rows[u.mr - 1](a.data(), panel.data(), stride, kK / 2, c.data()); });
}

void bench(const ElementwiseUkernels& u) {
  std::vector<float> x(kK), y(kK);
  for (int64_t i = 0; i < kK; i++) x[i] = 0.01f * static_cast<float>(i - kK / 2);
  const auto gelu = u.activate[static_cast<int>(Activation::kGeluErf)];
  measure(u.name, "elements of GELU", kK, [&] { gelu(x.data(), y.data(), kK); });
  measure(u.name, "elements of LayerNorm", kK,
          [&] { u.layer_norm(x.data(), nullptr, nullptr, nullptr, 1e-5f, y.data(), nullptr, kK); });
  measure(u.name, "elements of softmax", kK, [&] { u.softmax(x.data(), nullptr, y.data(), kK); });
}

template <typename Ukernels>
bool runs_here(const Ukernels& u) {
  return is_supported(u.isa);
}
bool runs_here(const Bf16GemmUkernels& u) { return bf16gemm::is_supported(u.variant); }

template <typename Ukernels, size_t kCount>
void bench_each(const Ukernels* const (&all)[kCount]) {
  for (const Ukernels* u : all) {
    if (runs_here(*u)) {
      bench(*u);
    } else {
      std::printf("| `%s` | this CPU lacks it | |\n", u->name);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) seconds = std::atof(argv[1]);
  std::printf("| micro-kernel | what | G/s |\n| --- | --- | ---: |\n");
  bench_each(kAllQ8GemmUkernels);
  bench_each(kAllQ8SpmmUkernels);
  bench_each(kAllBf16GemmUkernels);
  bench_each(kAllElementwiseUkernels);
}
