"""Import paths of INC 2.X, `neural_compressor.compression`."""
