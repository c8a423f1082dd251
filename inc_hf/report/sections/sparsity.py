"""The zeros of each layer."""

from inc_hf.coverage import percent
from inc_hf.inference.layers import Layer
from inc_hf.prune.zeros import zeros_in_words
from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup, bar, join, long_table, module, paragraph

HEADINGS = ("Layer", "Zero weights", "Zero 4x1 blocks", "N:M", "Kernel here")


def sparsity(facts: Facts) -> Markup | None:
    """A table in the order of the model; of a dense model one line."""
    if not facts.layers:
        return None
    told = paragraph(f"Zeros: {zeros_in_words({name: layer.zeros for name, layer in facts.layers.items()})}.")
    rows = [[module(name), *_cells(layer)] for name, layer in facts.layers.items()]
    return join([told, long_table(HEADINGS, rows, "Zeros of each layer")])


def _cells(layer: Layer) -> list:
    zeros = layer.zeros
    blocks = zeros.zero_blocks / max(zeros.blocks, 1)
    shares = [bar(share, percent(share)) for share in (zeros.share, blocks)]
    return [*shares, zeros.n_of_m or "—", layer.kernel]
