"""INC 2.X's `neural_compressor.data.transforms.imagenet_transform`."""

from inc_hf.built_in.transforms import LabelShift

__all__ = ["LabelShift"]
