"""INC's transforms, and dataloaders from dicts as a YAML has them."""

import importlib.util

import pytest
import torch
from PIL import Image

from inc_hf.built_in.transforms import REGISTERED, TRANSFORMS, BaseTransform, transform_registry
from inc_hf.data import FILTERS, Filter, filter_registry
from inc_hf.errors import UsageError
from inc_hf.metric import METRICS
from inc_hf.utils.create_obj_from_config import (
    create_dataloader,
    create_dataset,
    get_metrics,
    get_postprocess,
    get_preprocess,
)


@pytest.fixture
def doubling(monkeypatch):
    for process in REGISTERED:
        monkeypatch.setitem(REGISTERED, process, dict(REGISTERED[process]))

    @transform_registry("Double", "preprocess, postprocess", "pytorch, mxnet")
    class Double(BaseTransform):
        def __init__(self, times=2):
            self.times = times

        def __call__(self, sample):
            return sample[0] * self.times, sample[1]

    return Double


def test_one_after_the_other(doubling):
    transforms = TRANSFORMS("pytorch", "preprocess")
    assert transforms["Double"] is doubling
    composed = get_preprocess(transforms, {"Double": {"times": 3}, "Compose": [doubling(5)]})
    assert composed((1, "label")) == (15, "label")
    assert get_postprocess(TRANSFORMS("pytorch", "postprocess"), {"LabelShift": 1}, compose=False)((9, 3)) == (9, 2)
    shift = TRANSFORMS("pytorch", "postprocess")["LabelShift"](label_shift=-1)
    assert shift((9, [3, 4])) == (9, [4, 5]) and shift((9, torch.tensor([3])))[1].tolist() == [4]
    assert get_preprocess(transforms, {"Double": None}, compose=False)((1, 0)) == (2, 0)
    assert get_metrics(METRICS("pytorch"), {"topk": {"k": 3}}, compose=False).k == 3


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is installed")
def test_without_torchvision():
    image, label = TRANSFORMS("pytorch", "preprocess")["Resize"](4)((Image.new("RGB", (8, 16)), 1))
    assert image.size == (4, 8) and label == 1
    with pytest.raises(ImportError, match="The transform 'ColorJitter' needs torchvision"):
        TRANSFORMS("pytorch", "preprocess")["ColorJitter"]()


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_those_of_torchvision():
    image, label = TRANSFORMS("pytorch", "preprocess")["Resize"](4)((torch.zeros(3, 8, 8), 1))
    assert image.shape == (3, 4, 4) and label == 1


def test_wrong_uses(doubling):
    with pytest.raises(UsageError, match="`process` must be one of preprocess, postprocess, general"):
        TRANSFORMS("pytorch", "between")
    with pytest.raises(UsageError, match="There is no transform 'ResizeWithRatio' of preprocess, only Compose, .*"):
        TRANSFORMS("pytorch", "preprocess")["ResizeWithRatio"]
    with pytest.raises(UsageError, match="There is a transform 'Double' already"):
        transform_registry("Double", "preprocess", "pytorch")(doubling)
    with pytest.raises(UsageError, match="got 'tensorflow'"):
        transform_registry("Double", "preprocess", "tensorflow")


def test_from_dicts(doubling):
    loader = create_dataloader("pytorch", {
        "batch_size": "2", "last_batch": None, "shuffle": None, "filter": None,
        "dataset": {"dummy": {"shape": [5, 4], "low": 0.0, "high": 1.0}}, "transform": {"Double": {}},
    })  # fmt: skip
    assert [len(batch) for batch, _ in loader] == [2, 2, 1]
    with pytest.raises(UsageError, match="one name, got dummy, bert"):
        create_dataset("pytorch", {"dummy": {}, "bert": {}}, None, None)
    with pytest.raises(UsageError, match=r"The filters \['LabelBalance'\] are not here"):
        create_dataset("pytorch", {"dummy": {"shape": (2, 3)}}, None, {"LabelBalance": {"size": 1}})


def test_filters(monkeypatch):
    monkeypatch.setattr(FILTERS, "registered", {})
    filter_registry("mine", "pytorch")(Filter)
    assert FILTERS("pytorch")["mine"] is Filter
    with pytest.raises(UsageError, match="There is no filter 'LabelBalance'"):
        FILTERS("pytorch")["LabelBalance"]
