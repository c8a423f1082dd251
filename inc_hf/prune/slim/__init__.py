"""Models that really shrink: pruned attention heads and feed-forward columns are cut out of the weights.

`find` and `find_ffn` know where heads and feed-forward layers are, `cut` shortens tensors, `keep` says what stays,
`config` writes the new sizes into the model's config, and `sizes` builds a model in those that a config tells.
"""

from inc_hf.prune.slim.auto import parse_auto_slim_config
from inc_hf.prune.slim.slim import model_slim

__all__ = ["model_slim", "parse_auto_slim_config"]
