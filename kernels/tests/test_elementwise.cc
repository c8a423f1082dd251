// Every ISA against formulas in double. The bounds are those that elementwise.h promises.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "elementwise/elementwise.h"
#include "elementwise/ukernel.h"

using namespace inc_hf;

namespace {

int failures = 0;

#define CHECK(condition, ...)                                     \
  do {                                                            \
    if (!(condition) && ++failures <= 20) {                       \
      std::printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                   \
      std::printf("\n");                                          \
    }                                                             \
  } while (0)

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kGuard = 12345.0f;
const int64_t kSizes[] = {128, 384, 767, 768, 3072, 4097};

// A parallel_for of ranges as small as allowed, the last one first.
void in_pieces(int64_t count, int64_t grain, void* context, ParallelBody body) {
  for (int64_t begin = (count - 1) / grain * grain; begin >= 0 && count > 0; begin -= grain) {
    body(context, begin, std::min(begin + grain, count));
  }
}

std::vector<int64_t> sizes() {
  std::vector<int64_t> all(kSizes, kSizes + 6);
  for (int64_t n = 0; n <= 70; n++) all.push_back(n);
  return all;
}

// `size` floats from an address that is `shift` floats off malloc's alignment up to the end of the block, where the
// address sanitizer notices one read too many.
struct Buffer {
  std::vector<float> block;
  int shift;
  Buffer(int64_t size, int shift, float value = 0.0f) : block(size + shift, value), shift(shift) {}
  float* data() { return block.data() + shift; }
  float& operator[](int64_t i) { return block[shift + i]; }
};

Buffer random_buffer(int64_t size, int shift, double mean = 0.0, double deviation = 1.0) {
  static std::mt19937 generator(1);
  std::normal_distribution<float> normal(mean, deviation);
  Buffer buffer(size, shift);
  for (int64_t i = 0; i < size; i++) buffer[i] = normal(generator);
  return buffer;
}

// An output with guards behind it.
struct Output : Buffer {
  int64_t size;
  Output(int64_t size, int shift) : Buffer(size + 16, shift, kGuard), size(size) {}
  bool guarded() {
    return std::all_of(block.end() - 16, block.end(), [](float x) { return x == kGuard; });
  }
};

float from_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

uint32_t to_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

double exact(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone: return x;
    case Activation::kRelu: return x > 0 ? x : 0;
    case Activation::kGeluErf: return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / 3.14159265358979324) * (x + 0.044715 * x * x * x)));
    case Activation::kSilu: return x / (1 + std::exp(-x));
    case Activation::kQuickGelu: return x / (1 + std::exp(-1.702 * x));
  }
  return 0;
}

double bound(Activation activation, double x, double value) {
  switch (activation) {
    case Activation::kGeluErf: return 3e-7 * std::max(1.0, std::fabs(value));
    case Activation::kGeluTanh: return 5e-7 * std::max(1.0, std::fabs(value));
    case Activation::kSilu: return x < -88 ? 1e-36 : 3e-7 * std::fabs(value) + 1e-44;
    case Activation::kQuickGelu: return x < -51.7 ? 1e-36 : 6e-6 * std::fabs(value) + 1e-44;
    default: return 0.0;
  }
}

double relative_bound(Activation activation, double x) {
  if (activation == Activation::kGeluErf) return x >= -2 ? 3e-6 : x >= -4 ? 4e-4 : x >= -5 ? 3e-2 : kInf;
  if (activation == Activation::kGeluTanh) return x >= -2 ? 1e-5 : x >= -4 ? 3e-3 : kInf;
  return kInf;
}

// Bit patterns of all exponents, and all neighbours of the points where the code changes its way.
std::vector<float> many_floats() {
  std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, kNan};
  for (uint64_t bits = 0; bits <= 0xffffffff; bits += 4093) x.push_back(from_bits(bits));
  for (float point :
       {5.6f, 5.7f, 51.7f, 51.92f, 52.1f, 1.0f, 1e-38f, 1e-45f, 87.68f, 88.0f, 88.1f, 88.37f, 88.8f, 1e38f}) {
    for (int i = -300; i <= 300; i++) {
      x.push_back(from_bits(to_bits(point) + i));
      x.push_back(-x.back());
    }
  }
  return x;
}

void check_activation(Activation activation, float x, float y) {
  const char* name = activation_name(activation);
  if (std::isnan(x)) {
    CHECK(std::isnan(y), "%s(NaN) = %g", name, y);
  } else if (std::isinf(x)) {
    const bool is_nan = activation == Activation::kSilu || activation == Activation::kQuickGelu;
    const bool at_minus_inf = is_nan ? std::isnan(y) : std::fabs(y) < 1e-20;
    CHECK(x > 0 || activation == Activation::kNone ? y == x : at_minus_inf, "%s(%g) = %g", name, x, y);
  } else {
    const double value = exact(activation, x), error = std::fabs(y - value);
    CHECK(error <= bound(activation, x, value), "%s(%.9g) = %.9g, not %.9g", name, x, y, value);
    CHECK(std::fabs(value) < 1e-37 || error <= relative_bound(activation, x) * std::fabs(value),
          "%s(%.9g) = %.9g, not %.9g", name, x, y, value);
  }
}

void test_activate_accuracy(Isa isa) {
  const std::vector<float> x = many_floats();
  std::vector<float> y(x.size()), scalar(x.size());
  for (Activation activation : kAllActivations) {
    activate(isa, activation, x.data(), y.data(), x.size(), in_pieces);
    activate(Isa::kScalar, activation, x.data(), scalar.data(), x.size(), serial);
    for (size_t i = 0; i < x.size(); i++) {
      check_activation(activation, x[i], y[i]);
      CHECK(to_bits(y[i]) == to_bits(scalar[i]) || (std::isnan(y[i]) && std::isnan(scalar[i])),
            "%s(%.9g) = %.9g, scalar %.9g", activation_name(activation), x[i], y[i], scalar[i]);
    }
  }
}

void test_activate_sizes(Isa isa) {
  for (int64_t n : sizes()) {
    for (int shift : {0, 1, 3}) {
      Buffer x = random_buffer(n, shift, 0.0, 3.0);
      Output y(n, 3 - shift);
      activate(isa, Activation::kGeluErf, x.data(), y.data(), n, serial);
      for (int64_t i = 0; i < n; i++) check_activation(Activation::kGeluErf, x[i], y[i]);
      CHECK(y.guarded(), "n = %d", int(n));
      activate(isa, Activation::kGeluErf, x.data(), x.data(), n, serial);
      CHECK(std::equal(x.data(), x.data() + n, y.data()), "in place, n = %d", int(n));
    }
  }
}

// The largest error of a row, relative to max(1, |value|).
double layer_norm_error(const float* v, const float* weight, const float* bias, float eps, const float* y, int64_t n) {
  double mean = 0, variance = 0, error = 0;
  for (int64_t i = 0; i < n; i++) mean += double(v[i]) / n;
  for (int64_t i = 0; i < n; i++) variance += (v[i] - mean) * (v[i] - mean) / n;
  for (int64_t i = 0; i < n; i++) {
    double value = (v[i] - mean) / std::sqrt(variance + eps);
    value = value * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
    error = std::max(error, std::fabs(y[i] - value) / std::max(1.0, std::fabs(value)));
  }
  return error;
}

void test_layer_norm(Isa isa) {
  const int64_t rows = 3;
  for (int64_t cols : sizes()) {
    for (int options = 0; options < 16; options++) {
      const int shift = options % 3;
      Buffer x = random_buffer(rows * cols, shift, options % 5 == 4 ? 100.0 : 0.5);
      Buffer residual = random_buffer(rows * cols, 1), weight = random_buffer(cols, shift);
      Buffer bias = random_buffer(cols, 2);
      Output y(rows * cols, shift), sum(rows * cols, 1);
      const bool add = options & 1, scale = options & 2, keep = options & 8;
      layer_norm(isa, x.data(), add ? residual.data() : nullptr, scale ? weight.data() : nullptr,
                 options & 4 ? bias.data() : nullptr, 1e-12f, y.data(), keep ? sum.data() : nullptr, rows, cols,
                 in_pieces);
      std::vector<float> v(x.data(), x.data() + rows * cols);
      for (int64_t i = 0; add && i < rows * cols; i++) v[i] += residual[i];
      for (int64_t r = 0; cols > 1 && r < rows; r++) {
        const double error = layer_norm_error(v.data() + r * cols, scale ? weight.data() : nullptr,
                                              options & 4 ? bias.data() : nullptr, 1e-12f, y.data() + r * cols, cols);
        // Two or three close values have no unit scale: their difference is rounded, then made as large as 1.
        CHECK(error <= (cols < 8 ? 1e-4 : 2e-6), "cols = %d, options = %d: %g", int(cols), options, error);
      }
      CHECK(!keep || std::equal(v.begin(), v.end(), sum.data()), "sum_out, cols = %d", int(cols));
      CHECK(y.guarded() && sum.guarded(), "cols = %d", int(cols));
    }
  }
}

void test_layer_norm_in_place(Isa isa) {
  for (int64_t cols : sizes()) {
    Buffer x = random_buffer(cols, 0), residual = random_buffer(cols, 1), weight = random_buffer(cols, 0);
    Output y(cols, 0);
    auto run = [&](float* out) {
      layer_norm(isa, x.data(), residual.data(), weight.data(), nullptr, 1e-5f, out, nullptr, 1, cols, serial);
      return std::vector<float>(out, out + cols);
    };
    const std::vector<float> expected = run(y.data());
    const std::vector<float> kept = x.block;
    CHECK(run(x.data()) == expected, "y = x, cols = %d", int(cols));
    x.block = kept;
    CHECK(run(residual.data()) == expected, "y = residual, cols = %d", int(cols));
  }
}

void test_rms_norm(Isa isa) {
  const int64_t rows = 3;
  for (int64_t cols : sizes()) {
    for (int options = 0; options < 6; options++) {
      const int shift = options % 3;
      Buffer x = random_buffer(rows * cols, shift, options % 2 ? 100.0 : 0.5), weight = random_buffer(cols, shift);
      const float* const scale = options >= 3 ? weight.data() : nullptr;
      Output y(rows * cols, shift);
      rms_norm(isa, x.data(), scale, 1e-6f, y.data(), rows, cols, in_pieces);
      for (int64_t r = 0; r < rows; r++) {
        double square = 0;
        for (int64_t i = 0; i < cols; i++) square += double(x[r * cols + i]) * x[r * cols + i] / cols;
        for (int64_t i = 0; i < cols; i++) {
          const double value = x[r * cols + i] / std::sqrt(square + 1e-6f) * (scale ? scale[i] : 1);
          CHECK(std::fabs(y[r * cols + i] - value) <= 2e-6 * std::fabs(value), "cols = %d: %.9g, not %.9g", int(cols),
                y[r * cols + i], value);
        }
      }
      CHECK(y.guarded(), "cols = %d", int(cols));
      rms_norm(isa, x.data(), scale, 1e-6f, x.data(), rows, cols, serial);
      CHECK(std::equal(x.data(), x.data() + rows * cols, y.data()), "in place, cols = %d", int(cols));
    }
  }
}

void test_rms_norm_special(Isa isa) {
  for (float special : {kNan, kInf, -kInf}) {
    for (int64_t i = 0; i < 37; i++) {
      Buffer x = random_buffer(37, 0);
      x[(i + 1) % 37] = 0.0f;
      x[i] = special;
      rms_norm(isa, x.data(), nullptr, 1e-5f, x.data(), 1, 37, serial);
      CHECK(std::all_of(x.block.begin(), x.block.end(), [](float v) { return std::isnan(v); }), "%g", special);
    }
  }
}

// `allowed`: how far a probability may be off; the sum of a row adds up n / lanes roundings.
void check_softmax_row(const float* x, const float* mask, const float* y, int64_t n, double allowed) {
  std::vector<float> v(x, x + n);
  for (int64_t i = 0; mask && i < n; i++) v[i] += mask[i];
  const double largest = n > 0 ? *std::max_element(v.begin(), v.end()) : 0;
  double total = 0, sum = 0;
  for (float value : v) total += std::exp(value - largest);
  for (int64_t i = 0; i < n; i++) {
    const double value = std::exp(v[i] - largest) / total;
    CHECK(std::fabs(y[i] - value) <= allowed, "cols = %d: %.9g, not %.9g", int(n), y[i], value);
    sum += y[i];
  }
  CHECK(n == 0 || std::fabs(sum - 1) <= 2 * allowed, "cols = %d: sum %.9g", int(n), sum);
}

void test_softmax(Isa isa) {
  const int64_t rows = 6, rows_per_mask = 2;
  const double allowed = isa == Isa::kScalar ? 4e-6 : 1e-6;
  for (int64_t cols : sizes()) {
    for (int options = 0; options < 6; options++) {
      const int shift = options % 3;
      Buffer x = random_buffer(rows * cols, shift, options == 5 ? -300.0 : 0.0, options == 4 ? 40.0 : 3.0);
      Buffer mask(rows / rows_per_mask * cols, 1);
      for (int64_t i = 1; i < int64_t(mask.block.size()) - 1; i += 3) mask[i] = i % 2 ? -kInf : -3.4e38f;
      for (int64_t r = 0; cols > 0 && r < rows / rows_per_mask; r++) mask[r * cols] = 0.0f;  // no row of only -Inf
      const bool masked = options & 1;
      Output y(rows * cols, shift);
      softmax(isa, x.data(), masked ? mask.data() : nullptr, rows_per_mask, y.data(), rows, cols, in_pieces);
      for (int64_t r = 0; r < rows; r++) {
        const float* row = masked ? mask.data() + r / rows_per_mask * cols : nullptr;
        check_softmax_row(x.data() + r * cols, row, y.data() + r * cols, cols, allowed);
      }
      CHECK(y.guarded(), "cols = %d", int(cols));
      softmax(isa, x.data(), masked ? mask.data() : nullptr, rows_per_mask, x.data(), rows, cols, serial);
      CHECK(std::equal(x.data(), x.data() + rows * cols, y.data()), "in place, cols = %d", int(cols));
    }
  }
}

// Whether softmax of `cols` times `others`, but `value` at `position`, is NaN: in every element or in none.
bool softmax_is_nan(Isa isa, float others, float value, int64_t position, int64_t cols) {
  Buffer x(cols, 0, others);
  x[position] = value;
  softmax(isa, x.data(), nullptr, 1, x.data(), 1, cols, serial);
  const int64_t count = std::count_if(x.block.begin(), x.block.end(), [](float v) { return std::isnan(v); });
  CHECK(count == 0 || count == cols, "%d of %d are NaN", int(count), int(cols));
  return count > 0;
}

void test_softmax_special(Isa isa) {
  for (int64_t cols : {1, 5, 16, 37, 128}) {
    CHECK(softmax_is_nan(isa, -kInf, -kInf, 0, cols), "all -Inf, cols = %d", int(cols));
    for (int64_t i = 0; i < cols; i++) {
      CHECK(softmax_is_nan(isa, 0, kNan, i, cols), "NaN at %d of %d", int(i), int(cols));
      CHECK(softmax_is_nan(isa, 0, kInf, i, cols), "+Inf at %d of %d", int(i), int(cols));
      CHECK(!softmax_is_nan(isa, -kInf, 0, i, cols), "one not -Inf at %d of %d", int(i), int(cols));
    }
  }
}

void test_layer_norm_special(Isa isa) {
  for (float special : {kNan, kInf, -kInf}) {
    for (int64_t i = 0; i < 37; i++) {
      Buffer x = random_buffer(37, 0);
      x[i] = special;
      layer_norm(isa, x.data(), nullptr, nullptr, nullptr, 1e-5f, x.data(), nullptr, 1, 37, serial);
      CHECK(std::all_of(x.block.begin(), x.block.end(), [](float v) { return std::isnan(v); }), "%g", special);
    }
  }
}

void test_empty(Isa isa) {
  activate(isa, Activation::kRelu, nullptr, nullptr, 0, serial);
  for (int64_t rows : {0, 3}) {
    const int64_t cols = rows == 0 ? 5 : 0;
    layer_norm(isa, nullptr, nullptr, nullptr, nullptr, 1e-5f, nullptr, nullptr, rows, cols, in_pieces);
    rms_norm(isa, nullptr, nullptr, 1e-5f, nullptr, rows, cols, in_pieces);
    softmax(isa, nullptr, nullptr, 1, nullptr, rows, cols, in_pieces);
  }
}

void test_names() {
  for (Activation activation : kAllActivations) {
    CHECK(parse_activation(activation_name(activation)) == activation, "%s", activation_name(activation));
  }
  try {
    parse_activation("swish");
    CHECK(false, "'swish' is no name");
  } catch (const std::invalid_argument& error) {
    CHECK(std::string(error.what()).find("none, relu, gelu, gelu_tanh, silu, quick_gelu") != std::string::npos, "%s",
          error.what());
  }
}

void run(const char* name, const ElementwiseUkernels& ukernels, void (*test)(Isa)) {
  const int before = failures;
  test(ukernels.isa);
  std::printf("%s %s: %s\n", name, ukernels.name, failures == before ? "ok" : "FAILED");
}

void test_ukernels(const ElementwiseUkernels& ukernels) {
  // The tests reach the functions by their ISA: a second line for the same one would never run.
  CHECK(&elementwise_ukernels(ukernels.isa) == &ukernels, "%s is not what %s runs", ukernels.name,
        isa_name(ukernels.isa));
  if (!is_supported(ukernels.isa)) {
    std::printf("skipped: %s (this CPU lacks it)\n", ukernels.name);
    return;
  }
  run("activate_accuracy", ukernels, test_activate_accuracy);
  run("activate_sizes", ukernels, test_activate_sizes);
  run("layer_norm", ukernels, test_layer_norm);
  run("layer_norm_in_place", ukernels, test_layer_norm_in_place);
  run("layer_norm_special", ukernels, test_layer_norm_special);
  run("rms_norm", ukernels, test_rms_norm);
  run("rms_norm_special", ukernels, test_rms_norm_special);
  run("softmax", ukernels, test_softmax);
  run("softmax_special", ukernels, test_softmax_special);
  run("empty", ukernels, test_empty);
}

// Every ISA runs what it was made for, and AVX-VNNI what AVX2 does.
void test_dispatch() {
  for (Isa isa : kAllIsas) {
    const Isa found = elementwise_ukernels(isa).isa;
    const Isa wanted = isa == Isa::kAvxVnni ? Isa::kAvx2 : isa;
    if (is_supported(wanted)) CHECK(found == wanted, "%s runs %s", isa_name(isa), isa_name(found));
  }
}

}  // namespace

int main() {
  test_names();
  test_dispatch();
  for (const ElementwiseUkernels* ukernels : kAllElementwiseUkernels) test_ukernels(*ukernels);
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
