"""Pruning without training: masks, and the weights that make up for them, from some batches of data.

What is asked of a layer is a `Job` (`job`): it takes statistics of the layer's inputs (`statistics`) and changes the
weight (`sparsegpt`, `wanda`, `dsnot`, `channels`). `walk` brings the data to the jobs, one block at a time.
"""

from inc_hf.prune.oneshot.prune import prune_oneshot

__all__ = ["prune_oneshot"]
