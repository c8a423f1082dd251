"""INC 2.X's `neural_compressor.utils`."""

from inc_hf.config import options
from inc_hf.config.elsewhere import PART_OF_INC, elsewhere
from inc_hf.utils.decorators import alias_param
from inc_hf.utils.logger import debug, error, fatal, info, log, warn, warning

OPTIONS = {"pytorch": options}  # INC had some for each framework
KL_Divergence = elsewhere("KL_Divergence", 'choose `"algorithm": "kl"` of activations in `op_type_dict`')
LayerHistogramCollector = elsewhere("LayerHistogramCollector", PART_OF_INC)

__all__ = [
    "KL_Divergence",
    "LayerHistogramCollector",
    "OPTIONS",
    "alias_param",
    "debug",
    "error",
    "fatal",
    "info",
    "log",
    "warn",
    "warning",
]
