"""INC 2.X's `neural_compressor.data.transforms`."""

from inc_hf.built_in.transforms import (
    TRANSFORMS,
    BaseTransform,
    ComposeTransform,
    LabelShift,
    Postprocess,
    transform_registry,
)

__all__ = ["BaseTransform", "ComposeTransform", "LabelShift", "Postprocess", "TRANSFORMS", "transform_registry"]
