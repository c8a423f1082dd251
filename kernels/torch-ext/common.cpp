#include "common.h"

#include <pthread.h>

#include "isa.h"

namespace inc_hf::torch_ext {

std::string shape_of(const Tensor& x) {
  std::string text = "(";
  for (int64_t i = 0; i < x.dim(); i++) text += (i > 0 ? ", " : "") + std::to_string(x.size(i));
  return text + ")";
}

std::string layout_of(const Tensor& x) {
  return "shape " + shape_of(x) + (x.is_contiguous() ? "" : ", not contiguous");
}

std::string supported_isas(const char* separator) {
  std::string names;
  for (Isa isa : kAllIsas) {
    if (is_supported(isa)) names += std::string(names.empty() ? "" : separator) + isa_name(isa);
  }
  return names;
}

void require_tensor(const Tensor& x, const char* name, ScalarType dtype) {
  REQUIRE(x.is_cpu(), std::string("`") + name + "` must be on the CPU, got a tensor on " +
                          (x.is_cuda() ? "CUDA" : "another device") + ".");
  REQUIRE(x.scalar_type() == dtype, std::string("`") + name + "` must be of type " +
                                        torch::headeronly::toString(dtype) + ", got " +
                                        torch::headeronly::toString(x.scalar_type()) + ".");
}

Tensor require_vector(const Tensor& x, const char* name, ScalarType dtype, int64_t numel) {
  require_tensor(x, name, dtype);
  REQUIRE(x.numel() == numel, std::string("`") + name + "` must have " + std::to_string(numel) +
                                  " elements, got shape " + shape_of(x) + ".");
  return torch::stable::contiguous(x);
}

void require_out_features(int64_t packed, int64_t out_features) {
  REQUIRE(out_features == packed, "`out_features` is " + std::to_string(packed) + " for this packed weight, got " +
                                      std::to_string(out_features) + ".");
}

Rows rows_of(const Tensor& x, const char* name) {
  require_tensor(x, name, ScalarType::Float);
  REQUIRE(x.dim() > 0, std::string("`") + name + "` must have at least one dimension, got shape ().");
  const int64_t k = x.size(x.dim() - 1);
  const bool strided_rows = x.dim() == 2 && x.stride(1) == 1 && x.stride(0) >= k;
  const Tensor rows = strided_rows ? x : torch::stable::contiguous(x);
  int64_t m = 1;
  for (int64_t i = 0; i + 1 < x.dim(); i++) m *= x.size(i);
  return {rows, m, k, strided_rows ? x.stride(0) : k};
}

namespace {

int32_t dtype_code(ScalarType dtype) {
  return dtype == ScalarType::Float ? aoti_torch_dtype_float32()
         : dtype == ScalarType::Int ? aoti_torch_dtype_int32()
                                    : aoti_torch_dtype_uint8();
}

}  // namespace

Tensor empty_like_rows(const Tensor& x, int64_t n, ScalarType dtype) {
  // The C function behind torch::stable::empty, without a trip through the dispatcher: a third of a small call.
  const int64_t dim = x.dim();
  std::vector<int64_t> sizes(dim), strides(dim);
  int64_t stride = 1;
  for (int64_t i = dim - 1; i >= 0; i--) {
    sizes[i] = i == dim - 1 ? n : x.size(i);
    strides[i] = stride;
    stride *= sizes[i] > 0 ? sizes[i] : 1;
  }
  AtenTensorHandle handle;
  TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(dim, sizes.data(), strides.data(), dtype_code(dtype),
                                                  aoti_torch_device_type_cpu(), 0, &handle));
  return Tensor(handle);
}

const float* residual_data(std::optional<Tensor>& residual, const Tensor& result) {
  if (!residual.has_value()) return nullptr;
  require_tensor(*residual, "residual", ScalarType::Float);
  REQUIRE(shape_of(*residual) == shape_of(result),
          "`residual` must have the shape of the result, " + shape_of(result) + ", got " + shape_of(*residual) + ".");
  residual = torch::stable::contiguous(*residual);
  return static_cast<const float*>(residual->const_data_ptr());
}

namespace {

bool in_forked_child = false;

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] { in_forked_child = true; });

}  // namespace

void torch_parallel_for(int64_t count, int64_t grain, void* context, ParallelBody body) {
  if (in_forked_child || count <= grain) return serial(count, grain, context, body);
  torch::stable::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) { body(context, begin, end); });
}

}  // namespace inc_hf::torch_ext
