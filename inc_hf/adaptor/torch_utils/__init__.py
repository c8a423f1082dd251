"""INC 2.X's `neural_compressor.adaptor.torch_utils`, as far as documents and scripts use it."""
