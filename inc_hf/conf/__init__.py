"""INC's `neural_compressor.conf`."""
