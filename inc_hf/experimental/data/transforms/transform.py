"""INC 1.X's `neural_compressor.experimental.data.transforms.transform`."""

from inc_hf.built_in.transforms import TRANSFORMS, BaseTransform, ComposeTransform, transform_registry
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere

ParseDecodeVocTransform = elsewhere("ParseDecodeVocTransform", TENSORFLOW)
TensorflowResizeWithRatio = elsewhere("TensorflowResizeWithRatio", TENSORFLOW)

__all__ = [
    "BaseTransform",
    "ComposeTransform",
    "ParseDecodeVocTransform",
    "TRANSFORMS",
    "TensorflowResizeWithRatio",
    "transform_registry",
]
