#include "encoder/plan.h"

#include <cmath>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>

#include "bf16gemm/bf16gemm.h"

namespace inc_hf {
namespace {

constexpr int64_t kMostSize = int64_t{1} << 24, kMostLayers = 1024;

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("The encoder's plan is corrupt: " + what + ". Make it again.");
}

// Reads numbers one after another.
class Reader {
 public:
  Reader(const int64_t* numbers, int64_t count, const char* weights, int64_t bytes)
      : next_(numbers), end_(numbers + count), weights_(weights), bytes_(bytes) {}

  int64_t number(const char* name, int64_t least, int64_t most) {
    if (next_ == end_) refuse(std::string("it ends before `") + name + "`");
    const int64_t value = *next_++;
    if (value < least || value > most) {
      refuse(std::string("`") + name + "` must be from " + std::to_string(least) + " to " + std::to_string(most) +
             ", got " + std::to_string(value));
    }
    return value;
  }
  float decimal(const char* name) {
    const uint32_t bits = static_cast<uint32_t>(number(name, 0, 0xffffffff));
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    if (!(value >= 0) || std::isinf(value)) refuse(std::string("`") + name + "` must be finite and not negative");
    return value;
  }
  // `bytes` bytes at the offset that comes next; null for -1.
  const char* place(const char* name, int64_t bytes, int64_t alignment) {
    const int64_t offset = number(name, -1, bytes_);
    if (offset < 0) return nullptr;
    if (offset % alignment != 0 || bytes < 0 || bytes > bytes_ - offset) {
      refuse(std::string("the ") + name + " lies outside of the weights");
    }
    return weights_ + offset;
  }
  int64_t left() const { return end_ - next_; }
  int64_t peek(int64_t ahead) const { return next_[ahead]; }

 private:
  const int64_t *next_, *end_;
  const char* weights_;
  int64_t bytes_;
};

const float* floats(Reader& reader, const char* name, int64_t count) {
  return reinterpret_cast<const float*>(reader.place(name, count * 4, 4));
}

Quantizer read_quantizer(Reader& reader) {
  Quantizer quantizer;
  quantizer.scale = reader.decimal("scale");
  quantizer.zero_point = static_cast<int>(reader.number("zero_point", -128, 127));
  quantizer.num_bits = static_cast<int>(reader.number("num_bits", 2, 8));
  quantizer.round_scale = reader.number("round_scale", 0, 1) == 1;
  return quantizer;
}

Product read_product(Reader& reader, int64_t n, int64_t k) {
  if (reader.left() < kPlanProduct) refuse("it ends within a product");
  Product product = {};
  product.kind = static_cast<ProductKind>(reader.number("kind of product", 0, 2));
  product.n = n;
  product.k = k;
  // The size stands behind the place.
  const char* packed = reader.place("packed weight", reader.peek(1), 64);
  const bool is_none = product.kind == ProductKind::kNone;
  const int64_t bytes = reader.number("bytes", 0, int64_t{1} << 40);
  product.quantizer = read_quantizer(reader);
  product.factors = floats(reader, "factors", k);
  if (is_none != (n == 0)) refuse("a product is there that should not, or is missing");
  if (is_none) return product;
  if (packed == nullptr) refuse("a product has no weight");
  int64_t rows, columns;
  if (product.kind == ProductKind::kInt8) {
    product.weight = check_packed(packed, bytes);
    rows = product.weight.header.n, columns = product.weight.header.k;
  } else {
    const bf16gemm::Header header = bf16gemm::check(packed, bytes);
    product.bfloat16 = packed;
    rows = header.n, columns = header.k;
    if (product.factors != nullptr) refuse("a weight in bfloat16 has factors");
  }
  if (rows != n || columns != k) {
    refuse("a weight of shape (" + std::to_string(n) + ", " + std::to_string(k) + ") is (" + std::to_string(rows) +
           ", " + std::to_string(columns) + ")");
  }
  return product;
}

Norm read_norm(Reader& reader, int64_t hidden) {
  const NormKind kind = static_cast<NormKind>(reader.number("kind of norm", 0, 2));
  const char* weight = reader.place("weight of a norm", hidden * 4, 4);
  const char* bias = reader.place("bias of a norm", hidden * 4, 4);
  return {kind, reinterpret_cast<const float*>(weight), reinterpret_cast<const float*>(bias), reader.decimal("eps")};
}

// Whether what begins `ahead` numbers later is no product.
bool next_is_none(const Reader& reader, int64_t ahead = 0) {
  return reader.left() > ahead && reader.peek(ahead) == static_cast<int64_t>(ProductKind::kNone);
}

void read_projections(Reader& reader, EncoderLayer& layer, int64_t width, int64_t hidden) {
  const bool is_one = next_is_none(reader, kPlanProduct);
  layer.query = read_product(reader, is_one ? 3 * width : width, hidden);
  layer.key = read_product(reader, is_one ? 0 : width, hidden);
  layer.value = read_product(reader, is_one ? 0 : width, hidden);
}

}  // namespace

EncoderPlan read_plan(const int64_t* numbers, int64_t count, const void* weights, int64_t bytes) {
  Reader reader(numbers, count, static_cast<const char*>(weights), bytes);
  reader.number("version", kPlanVersion, kPlanVersion);
  EncoderPlan plan;
  plan.layers.resize(reader.number("layers", 1, kMostLayers));
  plan.hidden = reader.number("hidden", 1, kMostSize);
  plan.heads = reader.number("heads", 1, kMostSize);
  plan.head_dim = reader.number("head_dim", 1, 1024);
  plan.feed_forward = reader.number("feed_forward", 1, kMostSize);
  plan.activation = kAllActivations[reader.number("activation", 0, std::size(kAllActivations) - 1)];
  plan.norm_place = static_cast<NormPlace>(reader.number("norm_place", 0, 1));
  plan.attention = static_cast<AttentionKind>(reader.number("attention", 0, 1));
  plan.factor = reader.decimal("factor");
  plan.is_gated = reader.number("is_gated", 0, 1) == 1;
  plan.positions = reader.number("positions", 1, kMostSize);
  plan.biases = floats(reader, "biases", plan.heads * plan.bias_stride());
  plan.isa = current_isa();
  const int64_t hidden = plan.hidden, width = plan.width();
  for (EncoderLayer& layer : plan.layers) {
    layer.window = reader.number("window", -1, kMostSize);
    layer.rotary = floats(reader, "rotary", plan.positions * plan.head_dim);
    if (layer.rotary != nullptr && plan.head_dim % 2 != 0) refuse("heads with rotary positions have an even size");
    read_projections(reader, layer, width, hidden);
    layer.output = read_product(reader, hidden, width);
    const bool has_gate = plan.is_gated && !next_is_none(reader);
    layer.gate = read_product(reader, has_gate ? plan.feed_forward : 0, hidden);
    layer.up = read_product(reader, has_gate ? plan.feed_forward : plan.middle(), hidden);
    layer.down = read_product(reader, hidden, plan.feed_forward);
    layer.attention_norm = read_norm(reader, hidden);
    layer.feed_forward_norm = read_norm(reader, hidden);
  }
  for (const EncoderLayer& layer : plan.layers) {
    if ((layer.key.kind == ProductKind::kNone) != (plan.layers[0].key.kind == ProductKind::kNone)) {
      refuse("query, key and value are one product in some layers only");
    }
  }
  if (reader.left() > 0) refuse("it is longer than its layers");
  return plan;
}

}  // namespace inc_hf
