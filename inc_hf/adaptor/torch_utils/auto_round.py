"""INC 2.X's `neural_compressor.adaptor.torch_utils.auto_round`."""

from inc_hf.config.elsewhere import elsewhere

get_dataloader = elsewhere(
    "get_dataloader", "pass `calib_dataloader` any tokenized dataset, or a list of texts; see `IncQuantizer.quantize`"
)
