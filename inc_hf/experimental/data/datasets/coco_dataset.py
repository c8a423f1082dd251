"""INC 1.X's `neural_compressor.experimental.data.datasets.coco_dataset`."""

from inc_hf.config.elsewhere import TENSORFLOW, elsewhere

COCONpy = elsewhere("COCONpy", "pass a dataset of your own that reads such files")
ParseDecodeCoco = elsewhere("ParseDecodeCoco", TENSORFLOW)

__all__ = ["COCONpy", "ParseDecodeCoco"]
