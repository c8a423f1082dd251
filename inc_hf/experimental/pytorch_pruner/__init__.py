"""INC 1.X's `neural_compressor.experimental.pytorch_pruner`, in which `weight_compression_pytorch` is read."""
