"""Models that really shrink: pruned attention heads and feed-forward columns are cut out of the weights.

`find` knows where heads and feed-forward layers are, `cut` shortens tensors, `keep` says what stays, `widths` writes
the new sizes into the model's config, and `load` builds a model in the sizes that a config tells.
"""

from inc_hf.prune.slim.auto import parse_auto_slim_config
from inc_hf.prune.slim.slim import model_slim

__all__ = ["model_slim", "parse_auto_slim_config"]
