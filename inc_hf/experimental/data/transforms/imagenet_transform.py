"""INC 1.X's `neural_compressor.experimental.data.transforms.imagenet_transform`."""

from inc_hf.built_in.transforms import LabelShift
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere

ParseDecodeImagenet = elsewhere("ParseDecodeImagenet", TENSORFLOW)

__all__ = ["LabelShift", "ParseDecodeImagenet"]
