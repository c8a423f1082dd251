// Every variant of bf16gemm against a double reference. Buffers have exactly their size, so that AddressSanitizer sees
// what is read or written beyond.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bf16gemm/bf16gemm.h"
#include "bf16gemm/blob.h"
#include "bf16gemm/ukernel.h"

namespace {

using namespace inc_hf;
using namespace inc_hf::bf16gemm;

int failures = 0;

#define CHECK(condition, ...)                                           \
  do {                                                                  \
    if (!(condition)) {                                                 \
      failures++;                                                       \
      std::printf("FAILED %s:%d %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                         \
      std::printf("\n");                                                \
    }                                                                   \
  } while (0)

std::mt19937 generator(0);

std::vector<float> random_floats(size_t count) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

float widen(uint16_t x) {
  const uint32_t bits = uint32_t(x) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

bool same_bits(float a, float b) { return std::memcmp(&a, &b, 4) == 0; }

uint16_t round_to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

std::vector<uint16_t> random_bf16(size_t count) {
  std::vector<uint16_t> values(count);
  const std::vector<float> floats = random_floats(count);
  for (size_t i = 0; i < count; i++) values[i] = round_to_bf16(floats[i]);
  return values;
}

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x > 0 ? x : 0;
    case Activation::kGeluErf: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kQuickGelu: return x / (1 + std::exp(-1.702 * x));
  }
  return 0;
}

// Three threads and the caller share the ranges, the last ones first.
void threaded(int64_t count, int64_t, void* context, ParallelBody body) {
  std::vector<std::thread> threads;
  for (int64_t i = 3; i > 0; i--) {
    const int64_t begin = count * i / 4, end = count * (i + 1) / 4;
    if (begin < end) threads.emplace_back(body, context, begin, end);
  }
  if (count / 4 > 0) body(context, 0, count / 4);
  for (std::thread& thread : threads) thread.join();
}

bool rounds_activations(Variant variant) { return variant == Variant::kAvx512Bf16 || variant == Variant::kAmx; }

struct Blob {
  std::unique_ptr<uint8_t[]> data;
  size_t bytes;
};

Blob pack_blob(Variant variant, const uint16_t* w, int64_t stride, const float* bias, int64_t n, int64_t k) {
  const size_t bytes = packed_size(variant, n, k);
  Blob blob = {std::unique_ptr<uint8_t[]>(new uint8_t[bytes]), bytes};
  pack(variant, w, stride, bias, n, k, blob.data.get());
  return blob;
}

struct Shape {
  int64_t m, n, k, x_gap = 0, w_gap = 0;  // gaps: elements between the rows
};

const Shape kShapes[] = {{0, 3, 5},      {1, 1, 1},       {1, 33, 2},          {2, 31, 3, 1},     {1, 257, 40},
                         {3, 16, 15},    {4, 8, 16},      {5, 17, 17, 7, 3},   {6, 48, 31},       {7, 64, 33, 2},
                         {12, 32, 64},   {13, 96, 65, 1}, {25, 100, 128},      {64, 70, 100, 28}, {130, 40, 768},
                         {61, 35, 5001}, {1, 130, 3072},  {9, 5, 12000, 0, 1}, {400, 3, 7},       {931, 3, 7}};

// A sequence of k roundings is off by at most k units of the sum of magnitudes. The activations have slopes below 1.2
// and errors of their own below 1e-6.
void check_values(Variant variant, const Shape& s, const std::vector<float>& x, const std::vector<uint16_t>& w,
                  const float* bias, Activation activation, const float* residual, const float* y) {
  for (int64_t i = 0; i < s.m; i++) {
    for (int64_t j = 0; j < s.n; j++) {
      double sum = bias == nullptr ? 0 : bias[j], magnitude = std::fabs(sum);
      for (int64_t p = 0; p < s.k; p++) {
        const float value = x[i * (s.k + s.x_gap) + p];
        const double used = rounds_activations(variant) ? widen(round_to_bf16(value)) : value;
        const double product = used * widen(w[j * (s.k + s.w_gap) + p]);
        sum += product;
        magnitude += std::fabs(product);
      }
      const double added = residual == nullptr ? 0 : residual[i * s.n + j];
      const double expected = activate(activation, sum) + added;
      const double tolerance = 1.2 * (s.k + 4) * 0x1p-23 * magnitude + 1e-6 * (1 + std::fabs(added));
      CHECK(std::fabs(y[i * s.n + j] - expected) <= tolerance, "%s m=%d n=%d k=%d (%d, %d): %g, expected %g",
            variant_name(variant), int(s.m), int(s.n), int(s.k), int(i), int(j), y[i * s.n + j], expected);
    }
  }
}

void test_shape(Variant variant, const Shape& s, Activation activation, bool with_bias, bool with_residual) {
  const int64_t x_stride = s.k + s.x_gap, w_stride = s.k + s.w_gap;
  const std::vector<float> x = random_floats(s.m == 0 ? 0 : (s.m - 1) * x_stride + s.k);
  const std::vector<uint16_t> w = random_bf16((s.n - 1) * w_stride + s.k);
  const std::vector<float> bias = random_floats(s.n), residual = random_floats(s.m * s.n);
  const float* b = with_bias ? bias.data() : nullptr;
  const float* r = with_residual ? residual.data() : nullptr;
  const Blob blob = pack_blob(variant, w.data(), w_stride, b, s.n, s.k);
  CHECK(check(blob.data.get(), blob.bytes).n == s.n, "%s", variant_name(variant));

  std::vector<float> y(s.m * s.n), guarded(s.m * s.n + 16, 42.0f);
  run(blob.data.get(), x.data(), x_stride, s.m, y.data(), activation, r, serial);
  check_values(variant, s, x, w, b, activation, r, y.data());

  run(blob.data.get(), x.data(), x_stride, s.m, guarded.data(), activation, r, threaded);
  CHECK(std::equal(y.begin(), y.end(), guarded.begin(), same_bits), "threads change the result");
  for (size_t i = y.size(); i < guarded.size(); i++) CHECK(guarded[i] == 42.0f, "written beyond y");

  for (int64_t i = 0; i < s.m; i++) {
    std::vector<float> row(s.n);
    if (with_residual) std::memcpy(row.data(), r + i * s.n, s.n * 4);  // in place
    const float* added = with_residual ? row.data() : nullptr;
    run(blob.data.get(), x.data() + i * x_stride, x_stride, 1, row.data(), activation, added, serial);
    CHECK(std::equal(row.begin(), row.end(), y.begin() + i * s.n, same_bits), "%s m=%d n=%d k=%d: row %d differs alone",
          variant_name(variant), int(s.m), int(s.n), int(s.k), int(i));
  }
}

// Rows of infinities and NaN leave the others alone.
void test_special_values(Variant variant) {
  const int64_t m = 14, n = 40, k = 21;
  std::vector<float> x = random_floats(m * k), clean(m * n), y(m * n);
  const std::vector<uint16_t> w = random_bf16(n * k);
  const Blob blob = pack_blob(variant, w.data(), k, nullptr, n, k);
  run(blob.data.get(), x.data(), k, m, clean.data(), Activation::kNone, nullptr, serial);
  for (int64_t j = 0; j < k; j++) x[3 * k + j] = std::numeric_limits<float>::infinity();
  x[5 * k + 20] = std::numeric_limits<float>::quiet_NaN();
  run(blob.data.get(), x.data(), k, m, y.data(), Activation::kNone, nullptr, serial);
  for (int64_t i = 0; i < m * n; i++) {
    if (i / n == 3 || i / n == 5)
      CHECK(!std::isfinite(y[i]), "%s: %g", variant_name(variant), y[i]);
    else
      CHECK(y[i] == clean[i], "%s: %g, expected %g", variant_name(variant), y[i], clean[i]);
  }
}

void test_roundtrip(Variant variant) {
  for (const Shape& s : kShapes) {
    std::vector<uint16_t> w(s.n * s.k), unpacked(s.n * s.k);
    for (uint16_t& value : w) value = uint16_t(generator());  // every bit pattern, NaN too
    const Blob blob = pack_blob(variant, w.data(), s.k, nullptr, s.n, s.k);
    unpack(blob.data.get(), unpacked.data());
    CHECK(w == unpacked, "%s n=%d k=%d", variant_name(variant), int(s.n), int(s.k));
  }
}

template <typename F>
void check_refused(const char* what, F&& f) {
  try {
    f();
  } catch (const std::invalid_argument& error) {
    CHECK(std::strlen(error.what()) > 20, "%s: no reason", what);
    return;
  }
  CHECK(false, "%s: accepted", what);
}

void test_corrupt(Variant variant) {
  const std::vector<uint16_t> w = random_bf16(20 * 30);
  const Blob blob = pack_blob(variant, w.data(), 30, nullptr, 20, 30);
  const auto refuse = [&](const char* what, auto&& change) {
    Header header = check(blob.data.get(), blob.bytes);
    change(header);
    std::vector<uint8_t> bytes(blob.data.get(), blob.data.get() + blob.bytes);
    std::memcpy(bytes.data(), &header, sizeof(header));
    check_refused(what, [&] { check(bytes.data(), bytes.size()); });
  };
  refuse("magic", [](Header& h) { h.magic++; });
  refuse("version", [](Header& h) { h.version++; });
  refuse("variant", [](Header& h) { h.variant = Variant(99); });
  refuse("negative variant", [](Header& h) { h.variant = Variant(-1); });
  refuse("n", [](Header& h) { h.n = 1000; });
  refuse("negative n", [](Header& h) { h.n = -20; });
  refuse("k", [](Header& h) { h.k += 32; });
  refuse("huge k", [](Header& h) { h.k = std::numeric_limits<int64_t>::max(); });
  refuse("n_padded", [](Header& h) { h.n_padded += 64; });
  refuse("bytes", [](Header& h) { h.bytes--; });
  check_refused("truncated", [&] { check(blob.data.get(), blob.bytes - 1); });
  check_refused("too long", [&] { check(blob.data.get(), blob.bytes + 1); });
  check_refused("no header", [&] { check(blob.data.get(), sizeof(Header) - 1); });
  check_refused("null", [&] { check(nullptr, blob.bytes); });
  check_refused("misaligned", [&] { check(blob.data.get() + 1, blob.bytes - 1); });
  check_refused("n = 0", [&] { packed_size(variant, 0, 1); });
  check_refused("k = 2^31", [&] { packed_size(variant, 1, int64_t{1} << 31); });
}

std::vector<uint16_t> to_panels(const std::vector<uint16_t>& w, int64_t n, int64_t k,
                                const Bf16GemmUkernels& ukernels) {
  const int nr = ukernels.nr;
  std::vector<uint16_t> panels(n / nr * panel_stride(ukernels, k));
  for (int64_t i = 0; i < n * k; i++) {
    const int64_t channel = i / k, p = i % k;
    panels[channel / nr * panel_stride(ukernels, k) + (p / 2 * nr + channel % nr) * 2 + p % 2] = w[i];
  }
  return panels;
}

void check_tile(const Bf16GemmUkernels& ukernels, Bf16GemmTile tile, int64_t rows, int64_t panels, int64_t k) {
  const int64_t n = panels * ukernels.nr;
  const std::vector<float> x = random_floats(rows * k), bias = random_floats(n), residual = random_floats(rows * n);
  const std::vector<uint16_t> w = random_bf16(n * k);
  std::vector<char> a((k + ukernels.chunk - 1) / ukernels.chunk * rows * kBf16GemmChunkBytes);
  std::vector<float> c(rows * n), y(rows * n);
  ukernels.pack(x.data(), k, rows, k, a.data());
  TileRows tile_rows(ukernels.configure);
  tile_rows.set(rows);
  tile(a.data(), to_panels(w, n, k, ukernels).data(), panel_stride(ukernels, k), (k + 1) / 2, c.data());
  ukernels.finish(c.data(), n, rows, n, {bias.data(), Activation::kRelu, residual.data(), y.data(), n});
  check_values(ukernels.variant, {rows, n, k}, x, w, bias.data(), Activation::kRelu, residual.data(), y.data());
}

// One micro-kernel by itself, whether or not anything chooses it.
void test_ukernels(const Bf16GemmUkernels& ukernels) {
  const int before = failures;
  for (int64_t k : {1, 2, 15, 33, 128}) {
    for (int rows = 1; rows <= ukernels.mr; rows++) check_tile(ukernels, ukernels.rows[rows - 1], rows, 1, k);
    check_tile(ukernels, ukernels.wide_row, 1, ukernels.wide, k);
  }
  std::printf("%s: %s\n", ukernels.name, failures == before ? "ok" : "FAILED");
}

void test_variant(Variant variant) {
  for (const Shape& s : kShapes) {
    test_shape(variant, s, Activation::kNone, false, false);
    test_shape(variant, s, Activation::kNone, true, true);
  }
  for (Activation activation : kAllActivations) {
    test_shape(variant, {14, 75, 37}, activation, true, false);
    test_shape(variant, {3, 130, 64}, activation, false, true);
  }
  test_special_values(variant);
  test_roundtrip(variant);
  test_corrupt(variant);
}

}  // namespace

// Each variant, or the one that the command line names.
int main(int argc, char** argv) {
  const auto wanted = [&](Variant variant) { return argc < 2 || std::strcmp(argv[1], variant_name(variant)) == 0; };
  for (const Bf16GemmUkernels* ukernels : kAllBf16GemmUkernels) {
    if (wanted(ukernels->variant) && inc_hf::bf16gemm::is_supported(ukernels->variant)) test_ukernels(*ukernels);
  }
  for (Variant variant : kAllVariants) {
    if (!wanted(variant)) continue;
    if (!inc_hf::bf16gemm::is_supported(variant)) {
      std::printf("skipped: %s (this CPU lacks it)\n", variant_name(variant));
      continue;
    }
    std::printf("bf16gemm %s\n", variant_name(variant));
    test_variant(variant);
  }
  for (Isa isa : kAllIsas) {
    if (!inc_hf::is_supported(isa)) continue;
    CHECK(inc_hf::bf16gemm::is_supported(variant_of(isa)), "%s", isa_name(isa));
    CHECK(packed_size(isa, 5, 7) == packed_size(variant_of(isa), 5, 7), "%s", isa_name(isa));
  }
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
