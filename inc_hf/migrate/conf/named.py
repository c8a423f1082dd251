"""What a conf of INC 1.X can name with settings: datasets, transforms, optimizers, losses, metrics."""

from inc_hf.migrate.conf.fields import Parse
from inc_hf.migrate.conf.values import (
    anything,
    choice,
    flag,
    flags,
    integer,
    integers,
    number,
    numbers,
    one_or_several,
    optional_list,
    positive_integers,
    reduction,
    shapes,
    text,
    texts,
)

POSITIVE = integer(low=1)
ROOT: dict[str, Parse] = {"root": text}
TORCHVISION: dict[str, Parse] = {"root": text, "train": flag, "download": flag}
BERT: dict[str, Parse] = {
    "root": text,
    "label_file": text,
    "task": choice(("classifier", "squad")),
    "model_type": choice(("bert", "xlnet", "xlm")),
}
COCO: dict[str, Parse] = {"root": text, "img_dir": text, "anno_dir": text, "num_cores": POSITIVE, "npy_dir": text}
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
    "dummy": {"shape": shapes, **RANGE, "label": flag},
    "dummy_v2": {"input_shape": shapes, "label_shape": shapes, **RANGE},
    "sparse_dummy_v2": {"dense_shape": shapes, "label_shape": shapes, "sparse_ratio": numbers, **RANGE},
    "bert": BERT,
    "mzbert": BERT,
    "VOCRecord": ROOT,
    "COCORecord": {"root": text, "num_cores": POSITIVE},
    "COCORaw": COCO,
    "COCONpy": COCO,
    "ImagenetRaw": {"data_path": text, "image_list": text},
    "style_transfer": {
        "content_folder": text,
        "style_folder": text,
        "crop_ratio": number(),
        "resize_shape": integers,
        "image_format": text,
    },
    "GLUE": {
        "data_dir": text,
        "model_name_or_path": text,
        "max_seq_length": POSITIVE,
        "do_lower_case": flag,
        "task": text,
        "model_type": text,
        "dynamic_length": flag,
        "evaluate": flag,
    },
    "Imagenet": ROOT,
}
NEEDED: dict[str, tuple[str, ...]] = {
    "dummy": ("shape",),
    "dummy_v2": ("input_shape",),
    "sparse_dummy_v2": ("dense_shape",),
    "GLUE": ("data_dir", "model_name_or_path"),
    "ImagenetRaw": ("data_path",),
    "style_transfer": ("content_folder", "style_folder"),
    "RandomResizedCrop": ("size",),
    "RandomCrop": ("size",),
    "CropResize": ("x", "y", "width", "height", "size"),
    "Resize": ("size",),
    "CenterCrop": ("size",),
    "PaddedCenterCrop": ("size",),
    "CropToBoundingBox": ("offset_height", "offset_width", "target_height", "target_width"),
    "Transpose": ("perm",),
    "BilinearImagenet": ("height", "width"),
    "ResizeCropImagenet": ("height", "width"),
    "ResizeWithAspectRatio": ("height", "width"),
    "SGD": ("learning_rate",),
    "IntermediateLayersKnowledgeDistillationLoss": ("layer_mappings",),
    "SelfKnowledgeDistillationLoss": ("layer_mappings",),
    "Collect": ("length",),
    "SquadV1": ("label_file", "vocab_file"),
    "SquadV1ModelZoo": ("label_file", "vocab_file"),
    **{
        name: ("root",)
        for name in DATASETS
        if "root" in DATASETS[name] and not name.startswith(("COCO", "bert", "mzbert"))
    },
    **dict.fromkeys(("COCORecord", "COCORaw"), ("root",)),
    "COCONpy": ("root", "npy_dir"),
    **dict.fromkeys(("bert", "mzbert"), ("root", "label_file")),
}

INTERPOLATION = choice(("nearest", "bilinear", "bicubic"))
SIZED: dict[str, Parse] = {"size": positive_integers}
IMAGENET: dict[str, Parse] = {"height": POSITIVE, "width": POSITIVE, "mean_value": numbers, "scale": number()}
TRANSFORMS: dict[str, dict[str, Parse]] = {
    "ResizeWithRatio": {"min_dim": integer(), "max_dim": integer(), "padding": flag, "constant_value": integer()},
    "CropToBoundingBox": dict.fromkeys(
        ("offset_height", "offset_width", "target_height", "target_width"), integer(low=0)
    ),
    "Cast": {"dtype": text},
    "RandomResizedCrop": {**SIZED, "scale": numbers, "ratio": numbers, "interpolation": INTERPOLATION},
    "AlignImageChannel": {"dim": integer()},
    "ToNDArray": {},
    "CropResize": {**dict.fromkeys(("x", "y", "width", "height"), integer()), **SIZED, "interpolation": INTERPOLATION},
    "RandomHorizontalFlip": {},
    "RandomVerticalFlip": {},
    "ToTensor": {},
    "ToPILImage": {},
    "Normalize": {"mean": numbers, "std": numbers, "rescale": numbers},
    "Resize": {**SIZED, "interpolation": INTERPOLATION},
    "RandomCrop": SIZED,
    "Rescale": {},
    "CenterCrop": SIZED,
    "PaddedCenterCrop": {**SIZED, "crop_padding": POSITIVE},
    "ToArray": {},
    "QuantizedInput": {"dtype": choice(("int8", "uint8")), "scale": number(low=0, open_low=True)},
    "Transpose": {"perm": integers},
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
    "ResizeWithAspectRatio": {"height": POSITIVE, "width": POSITIVE},
}
SQUAD: dict[str, Parse] = {"label_file": text, "vocab_file": text, "do_lower_case": flag, "max_seq_length": POSITIVE}
POSTPROCESSES: dict[str, dict[str, Parse]] = {
    "LabelShift": {"": integer()},
    "Collect": {"length": POSITIVE},
    "Reshape": {"": anything},  # in INC's template of QAT, though not in its schema
    "SquadV1": SQUAD,
    "SquadV1ModelZoo": SQUAD,
}
FILTERS: dict[str, dict[str, Parse]] = {"LabelBalance": {"size": POSITIVE}}

ADAM: dict[str, Parse] = {
    **dict.fromkeys(("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay"), number()),
    "amsgrad": flag,
}
OPTIMIZERS: dict[str, dict[str, Parse]] = {
    "SGD": {"learning_rate": number(), "momentum": number(), "nesterov": flag, "weight_decay": number()},
    "AdamW": ADAM,
    "Adam": ADAM,
}
CROSS_ENTROPY: dict[str, Parse] = {"reduction": reduction, "from_logits": flag}
WEIGHTS = optional_list(number(low=0))
# INC's default of AdamW and Adam, which is not that of torch
ADAM_DEFAULTS = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": False}
CRITERIA: dict[str, dict[str, Parse]] = {
    "CrossEntropyLoss": CROSS_ENTROPY,
    "SparseCategoricalCrossentropy": CROSS_ENTROPY,
    "KnowledgeDistillationLoss": {
        "temperature": number(low=0, open_low=True),
        "loss_types": optional_list(choice(("CE", "KL", "MSE"))),
        "loss_weights": WEIGHTS,
    },
    "IntermediateLayersKnowledgeDistillationLoss": {
        "layer_mappings": optional_list(anything),
        "loss_types": optional_list(choice(("MSE", "KL", "L1"))),
        "loss_weights": WEIGHTS,
        "add_origin_loss": flag,
    },
    "SelfKnowledgeDistillationLoss": {
        "layer_mappings": optional_list(anything),
        "temperature": number(low=0, open_low=True),
        "loss_types": optional_list(choice(("L2", "CE", "KL"))),
        "loss_weights": WEIGHTS,
        "add_origin_loss": flag,
    },
}

IOU = {"anno_path": text, "iou_thrs": anything, "map_points": integer(low=0)}
COCO_MAP: dict[str, Parse] = {"anno_path": text, "map_key": text}
COMPARED: dict[str, Parse] = {"compare_label": flag}
METRICS: dict[str, dict[str, Parse]] = {
    "topk": {"": POSITIVE},
    "mAP": IOU,
    "COCOmAP": COCO_MAP,
    "COCOmAPv2": {**COCO_MAP, "output_index_mapping": anything},
    "VOCmAP": {"anno_path": text},
    "SquadF1": {},
    "MSE": COMPARED,
    "RMSE": COMPARED,
    "MAE": COMPARED,
    "Accuracy": {},
    "Loss": {},
    "BLEU": {},
    "F1": {},
    "mIOU": {"num_classes": POSITIVE},
    "GLUE": {"task": text},
    "ROC": {"task": text},
}
MULTI_METRICS: dict[str, dict[str, Parse]] = {
    "weight": {"": numbers},
    "higher_is_better": {"": flags},
    **METRICS,
}
