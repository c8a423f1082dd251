"""INC's `neural_compressor.adaptor.tf_utils.util`."""

from inc_hf.config.elsewhere import TENSORFLOW, elsewhere

is_ckpt_format = elsewhere("is_ckpt_format", TENSORFLOW)
is_saved_model_format = elsewhere("is_saved_model_format", TENSORFLOW)
write_graph = elsewhere("write_graph", TENSORFLOW)
