"""INC 1.X's `neural_compressor.experimental.data.transforms`."""

from inc_hf.built_in.transforms import TRANSFORMS, BaseTransform, transform_registry

__all__ = ["BaseTransform", "TRANSFORMS", "transform_registry"]
