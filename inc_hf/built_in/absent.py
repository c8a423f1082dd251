"""INC's datasets that are not built in, and what takes their place; without importing torch."""

RECORDS = "it reads TensorFlow's records; pass a DataLoader of the same data"
BOXES = "pass a DataLoader of the images and boxes, such as torchvision.datasets.CocoDetection"
FOLDERS = (
    "put the images into one folder per class and take ImageFolder, or "
    'datasets.load_dataset("imagefolder", data_dir=ROOT)'
)
ABSENT = {
    **{
        name: f"torchvision.datasets.{name}(root=…) reads it; pass a DataLoader of it"
        for name in ("CIFAR10", "CIFAR100", "MNIST", "FashionMNIST")
    },
    **dict.fromkeys(("TFRecordDataset", "ImageRecord", "VOCRecord", "COCORecord", "mzbert"), RECORDS),
    "sparse_dummy_v2": "no PyTorch model takes sparse inputs of this form; pass a DataLoader",
    **dict.fromkeys(("COCORaw", "COCONpy"), BOXES),
    **dict.fromkeys(("ImagenetRaw", "Imagenet"), FOLDERS),
    "style_transfer": "pass a DataLoader of pairs of images",
}
