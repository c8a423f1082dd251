"""INC 2.5's `neural_compressor.adaptor.torch_utils.autoround`."""

from inc_hf.adaptor.torch_utils.weight_only import CONFIG
from inc_hf.config.elsewhere import elsewhere

AutoRound = elsewhere("AutoRound", CONFIG)
AutoOPTRound = elsewhere("AutoOPTRound", CONFIG)
AutoAdamRound = elsewhere("AutoAdamRound", CONFIG)
