#include "tensor.h"

#include <vector>

#include "values.h"

namespace inc_hf::torch_ext {

int32_t code_of(ScalarType dtype) {
  switch (dtype) {
    case ScalarType::Float: return aoti_torch_dtype_float32();
    case ScalarType::BFloat16: return aoti_torch_dtype_bfloat16();
    case ScalarType::Char: return aoti_torch_dtype_int8();
    case ScalarType::Byte: return aoti_torch_dtype_uint8();
    case ScalarType::Long: return aoti_torch_dtype_int64();
    default: return aoti_torch_dtype_int32();
  }
}

const char* dtype_name(int32_t code) {
  const std::pair<int32_t, const char*> names[] = {
      {aoti_torch_dtype_float32(), "Float"},
      {aoti_torch_dtype_float64(), "Double"},
      {aoti_torch_dtype_float16(), "Half"},
      {aoti_torch_dtype_bfloat16(), "BFloat16"},
      {aoti_torch_dtype_int8(), "Char"},
      {aoti_torch_dtype_uint8(), "Byte"},
      {aoti_torch_dtype_int16(), "Short"},
      {aoti_torch_dtype_int32(), "Int"},
      {aoti_torch_dtype_int64(), "Long"},
      {aoti_torch_dtype_bool(), "Bool"},
      {aoti_torch_dtype_complex64(), "ComplexFloat"},
      {aoti_torch_dtype_complex128(), "ComplexDouble"},
  };
  for (const auto& [number, name] : names) {
    if (number == code) return name;
  }
  return "another type";
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  const int32_t format = aoti_torch_memory_format_contiguous_format();
  // The dispatcher takes over the references on the stack, and leaves that of the result there.
  StableIValue stack[2] = {to_value(Tensor(x)), to_value(format)};
  check(torch_call_dispatcher("aten::contiguous", "", stack, kOldestTorch));
  return from_value<Tensor>(stack[0]);
}

Tensor empty(const int64_t* sizes, int64_t dim, ScalarType dtype) {
  std::vector<int64_t> strides(dim);
  int64_t stride = 1;
  for (int64_t i = dim - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= sizes[i] > 0 ? sizes[i] : 1;
  }
  AtenTensorHandle handle;
  check(aoti_torch_empty_strided(dim, sizes, strides.data(), code_of(dtype), aoti_torch_device_type_cpu(), 0, &handle));
  return Tensor(handle);
}

}  // namespace inc_hf::torch_ext
