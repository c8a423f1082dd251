"""Which datasets and transforms of 1.X are kept, and what takes the place of the others; without importing torch."""

from inc_hf.built_in.absent import ABSENT
from inc_hf.built_in.transforms import OF_PILLOW
from inc_hf.migrate.conf.data_sections import DataloaderSection

DATASETS = ("dummy", "dummy_v2", "ImageFolder", "GLUE")
WITH_TRANSFORM = ("ImageFolder",)
OTHERS = {
    **ABSENT,
    "bert": "from a file it reads TensorFlow's records; pass a DataLoader of tokenized texts, or take GLUE",
}
OTHER_TRANSFORM = "it is of another framework; do it in the dataset of a DataLoader of your own"


def reason_against(section: DataloaderSection) -> str | None:
    """Why INC's dataset or transform is not kept and what to do, or None."""
    name = section.dataset.name
    if name not in DATASETS:
        return f"INC's dataset `{name}` is not kept: {OTHERS[name]}."
    for each in section.transform if name in WITH_TRANSFORM else ():
        if each.name not in OF_PILLOW:
            return f"INC's transform `{each.name}` is not kept: {OTHER_TRANSFORM}."
        if "rescale" in each.args:
            return f"`rescale` of INC's transform `{each.name}` is not kept: {OTHER_TRANSFORM}."
    return None
