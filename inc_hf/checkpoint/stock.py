"""Compressed-tensors checkpoints as sentence-transformers loads them.

It takes the dtype of the first parameter for that of the model and calls `forward` itself, past the hook that
decompresses a model of stock transformers. So where it is in use, our modules take the place of those at once.
"""

import logging
import sys
from typing import TYPE_CHECKING

from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING
from transformers.quantizers.quantizer_compressed_tensors import CompressedTensorsHfQuantizer

from inc_hf.checkpoint.adopt import adopt
from inc_hf.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)


class StockQuantizer(CompressedTensorsHfQuantizer):
    """That of transformers, but for models that sentence-transformers loads."""

    def _process_model_after_weight_loading(self, model: "PreTrainedModel", **kwargs) -> "PreTrainedModel":
        super()._process_model_after_weight_loading(model, **kwargs)
        if "sentence_transformers" in sys.modules and not self.quantization_config.dequantize:
            try:
                adopt(model)
            except UsageError as error:
                logger.warning("Left to compressed-tensors: %s", error)
        return model


AUTO_QUANTIZER_MAPPING["compressed-tensors"] = StockQuantizer
