"""INC's `neural_compressor.adaptor.tf_utils`, of which examples of PyTorch import something, too."""
