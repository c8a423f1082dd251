"""Which datasets and transforms of 1.X are kept, and what takes the place of the others; without importing torch."""

from inc_hf.built_in.transforms import OF_PILLOW
from inc_hf.migrate.conf.data_sections import DataloaderSection

DATASETS = ("dummy", "dummy_v2", "ImageFolder", "GLUE")
WITH_TRANSFORM = ("ImageFolder",)
IMAGES_OF_HUB = 'datasets.load_dataset("imagefolder", data_dir=ROOT)'
# What became of the others, and the 2.X way
RECORDS = "it reads TensorFlow's records; pass a DataLoader of the same data"
BOXES = "pass a DataLoader of the images and boxes, such as torchvision.datasets.CocoDetection"
FOLDERS = f"put the images into one folder per class and take ImageFolder, or {IMAGES_OF_HUB}"
OTHER_DATASETS = {
    **{
        name: f"torchvision.datasets.{name}(root=…) reads it; pass a DataLoader of it"
        for name in ("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST")
    },
    **dict.fromkeys(("TFRecordDataset", "ImageRecord", "VOCRecord", "COCORecord", "mzbert"), RECORDS),
    "bert": "from a file it reads TensorFlow's records; pass a DataLoader of tokenized texts, or take GLUE",
    "sparse_dummy_v2": "no PyTorch model takes sparse inputs of this form; pass a DataLoader",
    **dict.fromkeys(("COCORaw", "COCONpy"), BOXES),
    **dict.fromkeys(("ImagenetRaw", "Imagenet"), FOLDERS),
    "style_transfer": "pass a DataLoader of pairs of images",
}
OTHER_TRANSFORM = "it is of another framework; do it in the dataset of a DataLoader of your own"


def reason_against(section: DataloaderSection) -> str | None:
    """Why INC's dataset or transform is not kept and what to do, or None."""
    name = section.dataset.name
    if name not in DATASETS:
        return f"INC's dataset `{name}` is not kept: {OTHER_DATASETS[name]}."
    for each in section.transform if name in WITH_TRANSFORM else ():
        if each.name not in OF_PILLOW:
            return f"INC's transform `{each.name}` is not kept: {OTHER_TRANSFORM}."
        if "rescale" in each.args:
            return f"`rescale` of INC's transform `{each.name}` is not kept: {OTHER_TRANSFORM}."
    return None
