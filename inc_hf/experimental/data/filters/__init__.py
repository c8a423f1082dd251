"""INC 1.X's `neural_compressor.experimental.data.filters`: none is for torch."""

from inc_hf.config.elsewhere import elsewhere

INSTEAD = "choose the samples in the dataset that you pass, such as with `torch.utils.data.Subset`"
FILTERS = elsewhere("FILTERS", INSTEAD)
Filter = elsewhere("Filter", INSTEAD)
filter_registry = elsewhere("filter_registry", INSTEAD)

__all__ = ["FILTERS", "Filter", "filter_registry"]
