"""INC 2.X's `neural_compressor.data.transforms.transform`."""

from inc_hf.built_in.transforms import TRANSFORMS, BaseTransform, ComposeTransform, transform_registry

__all__ = ["BaseTransform", "ComposeTransform", "TRANSFORMS", "transform_registry"]
