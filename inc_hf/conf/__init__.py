"""INC's `neural_compressor.conf`. In 1.X, `from neural_compressor import conf` gives an object to write to, which the
attributes of this package are: `conf.model.framework = "pytorch"`."""

from typing import Any

SECTIONS = (
    "model",
    "device",
    "quantization",
    "pruning",
    "distillation",
    "mixed_precision",
    "graph_optimization",
    "tuning",
    "evaluation",
)


def __getattr__(name: str) -> Any:
    if name not in SECTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    from inc_hf.conf.config import conf

    return conf[name]
