"""The datasets, transforms and filters that a conf of INC 1.X can name, with their settings."""

from inc_hf.migrate.conf.fields import Needed, Parse
from inc_hf.migrate.conf.list_values import (
    integers,
    numbers,
    one_or_several,
    positive_integers,
    shapes,
    texts,
)
from inc_hf.migrate.conf.values import anything, choice, flag, integer, number, text

POSITIVE = integer(low=1)
ROOT: dict[str, Parse] = {"root": Needed(text)}
TORCHVISION: dict[str, Parse] = {**ROOT, "train": flag, "download": flag}
BERT: dict[str, Parse] = {
    **ROOT,
    "label_file": Needed(text),
    "task": choice(("classifier", "squad")),
    "model_type": choice(("bert", "xlnet", "xlm")),
}
COCO: dict[str, Parse] = {**ROOT, "img_dir": text, "anno_dir": text, "num_cores": POSITIVE, "npy_dir": text}
RANGE: dict[str, Parse] = {
    "low": one_or_several(numbers),
    "high": one_or_several(numbers),
    "dtype": one_or_several(texts),
}
DATASETS: dict[str, dict[str, Parse]] = {
    "CIFAR10": TORCHVISION,
    "CIFAR100": TORCHVISION,
    "MNIST": TORCHVISION,
    "FashionMNIST": TORCHVISION,
    "ImageFolder": ROOT,
    "TFRecordDataset": ROOT,
    "ImageRecord": ROOT,
    "dummy": {"shape": Needed(shapes), **RANGE, "label": flag},
    "dummy_v2": {"input_shape": Needed(shapes), "label_shape": shapes, **RANGE},
    "sparse_dummy_v2": {"dense_shape": Needed(shapes), "label_shape": shapes, "sparse_ratio": numbers, **RANGE},
    "bert": BERT,
    "mzbert": BERT,
    "VOCRecord": ROOT,
    "COCORecord": {**ROOT, "num_cores": POSITIVE},
    "COCORaw": COCO,
    "COCONpy": {**COCO, "npy_dir": Needed(text)},
    "ImagenetRaw": {"data_path": Needed(text), "image_list": text},
    "style_transfer": {
        "content_folder": Needed(text),
        "style_folder": Needed(text),
        "crop_ratio": number(),
        "resize_shape": integers,
        "image_format": text,
    },
    "GLUE": {
        "data_dir": Needed(text),
        "model_name_or_path": Needed(text),
        "max_seq_length": POSITIVE,
        "do_lower_case": flag,
        "task": text,
        "model_type": text,
        "dynamic_length": flag,
        "evaluate": flag,
    },
    "Imagenet": ROOT,
}

INTERPOLATION: dict[str, Parse] = {"interpolation": choice(("nearest", "bilinear", "bicubic"))}
SIZED: dict[str, Parse] = {"size": Needed(positive_integers)}
AREA: dict[str, Parse] = {"height": Needed(POSITIVE), "width": Needed(POSITIVE)}
IMAGENET: dict[str, Parse] = {**AREA, "mean_value": numbers, "scale": number()}
BOX = ("offset_height", "offset_width", "target_height", "target_width")
TRANSFORMS: dict[str, dict[str, Parse]] = {
    "ResizeWithRatio": {"min_dim": integer(), "max_dim": integer(), "padding": flag, "constant_value": integer()},
    "CropToBoundingBox": dict.fromkeys(BOX, Needed(integer(low=0))),
    "Cast": {"dtype": text},
    "RandomResizedCrop": {**SIZED, "scale": numbers, "ratio": numbers, **INTERPOLATION},
    "AlignImageChannel": {"dim": integer()},
    "ToNDArray": {},
    "CropResize": {**dict.fromkeys(("x", "y", "width", "height"), Needed(integer())), **SIZED, **INTERPOLATION},
    "RandomHorizontalFlip": {},
    "RandomVerticalFlip": {},
    "ToTensor": {},
    "ToPILImage": {},
    "Normalize": {"mean": numbers, "std": numbers, "rescale": numbers},
    "Resize": {**SIZED, **INTERPOLATION},
    "RandomCrop": SIZED,
    "Rescale": {},
    "CenterCrop": SIZED,
    "PaddedCenterCrop": {**SIZED, "crop_padding": POSITIVE},
    "ToArray": {},
    "QuantizedInput": {"dtype": choice(("int8", "uint8")), "scale": number(low=0, open_low=True)},
    "Transpose": {"perm": Needed(integers)},
    "ParseDecodeImagenet": {},
    "ParseDecodeCoco": {},
    "ParseDecodeVoc": {},
    "BilinearImagenet": {**IMAGENET, "central_fraction": number()},
    "ResizeCropImagenet": {
        **IMAGENET,
        "random_crop": flag,
        "slice_crop": flag,
        "resize_side": POSITIVE,
        "resize_method": choice(
            ("bilinear", "lanczos3", "lanczos5", "bicubic", "gaussian", "nearest", "area", "mitchellcubic")
        ),
        "random_flip_left_right": flag,
        "data_format": choice(("channels_first", "channels_last")),
        "subpixels": choice(("BGR", "RGB")),
    },
    "ResizeWithAspectRatio": AREA,
}
SQUAD: dict[str, Parse] = {
    "label_file": Needed(text),
    "vocab_file": Needed(text),
    "do_lower_case": flag,
    "max_seq_length": POSITIVE,
}
POSTPROCESSES: dict[str, dict[str, Parse]] = {
    "LabelShift": {"": integer()},
    "Collect": {"length": Needed(POSITIVE)},
    "Reshape": {"": anything},  # in INC's template of QAT, though not in its schema
    "SquadV1": SQUAD,
    "SquadV1ModelZoo": SQUAD,
}
FILTERS: dict[str, dict[str, Parse]] = {"LabelBalance": {"size": POSITIVE}}
