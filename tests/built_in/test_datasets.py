"""INC's built-in datasets: "dummy", "dummy_v2", "ImageFolder", "bert", and those that are not here."""

import numpy as np
import pytest
import torch
from PIL import Image

from inc_hf.built_in.absent import ABSENT
from inc_hf.built_in.datasets import DATASETS, Datasets, dataset_registry
from inc_hf.built_in.dummy import SEED
from inc_hf.errors import UsageError

TORCH = Datasets("pytorch")


class TestDummy:
    def test_the_numbers_are_those_of_inc(self):
        state = np.random.get_state()[1].copy()
        dataset = TORCH["dummy"](shape=(4, 3, 8))
        assert (np.random.get_state()[1] == state).all()  # INC seeded the process
        sample, label = dataset[1]
        expected = np.random.RandomState(SEED).uniform(-128.0, 127.0, (4, 3, 8)).astype("float32")
        assert len(dataset) == 4 and label == 0 and sample.dtype == np.float32 and (sample == expected[1]).all()

    def test_several_inputs(self):
        dataset = TORCH["dummy"]([(5, 4), (5, 2, 2)], low=[0.0, -1.0], high=[10.0, 1.0], dtype=["int64", "bool"])
        (first, second), label = dataset[4]
        assert (first.shape, first.dtype, second.shape, second.dtype) == ((4,), np.int64, (2, 2), np.bool_)
        assert first.min() >= 0 and first.max() < 10 and label == 0
        assert isinstance(TORCH["dummy"]([[2, 3]], label=False)[0], np.ndarray)  # a shape as a YAML has it

    @pytest.mark.parametrize(
        "settings, message",
        [
            ({"shape": ()}, "`shape` must be a shape such as"),
            ({"shape": (2, -1)}, "`shape` must be a shape such as"),
            ({"shape": "2, 3"}, "`shape` must be a shape such as"),
            ({"shape": [(2, 3), (4, 3)]}, "how many samples there are; got several"),
            ({"shape": [(2, 3), (2, 3)], "low": [1.0]}, "`low` has 1 values for 2 shapes"),
            ({"shape": (2, 3), "dtype": "float8"}, "`dtype` must be one of float32"),
            ({"shape": (2, 3), "high": "1"}, "`high` must be a number"),
        ],
    )
    def test_wrong_settings(self, settings, message):
        with pytest.raises(UsageError, match=message):
            TORCH["dummy"](**settings)

    def test_a_stream(self):
        stream = TORCH["dummy_v2"](input_shape=(3, 4), label_shape=(1,), low=0.0, high=[1.0, 5.0], samples=7)
        samples = list(stream)
        assert len(stream) == len(samples) == 7
        assert samples[0][0].shape == (3, 4) and samples[0][1].shape == (1,)
        assert all((a[0] == b[0]).all() for a, b in zip(samples, stream, strict=True))  # the same again
        generator = np.random.RandomState(SEED)  # of which INC draws sample after sample, the label behind its input
        for sample, label in samples:
            assert (sample == generator.uniform(0.0, 1.0, (3, 4)).astype("float32")).all()
            assert (label == generator.uniform(0.0, 5.0, (1,)).astype("float32")).all()
        two = next(iter(TORCH["dummy_v2"]([(3,), (4,)])))
        assert [part.shape for part in two] == [(3,), (4,)]


class TestImageFolder:
    def test_classes_by_the_names_of_folders(self, tmp_path):
        for number, name in enumerate(("dog", "cat", "cat/young")):
            (tmp_path / name).mkdir()
            Image.new("L", (4, 5), color=number * 50).save(tmp_path / name / "image.PNG")
        (tmp_path / "cat" / "notes.txt").write_text("no image")
        dataset = TORCH["ImageFolder"](root=str(tmp_path))
        assert dataset.classes == ["cat", "dog"] and [label for _, label in dataset] == [0, 0, 1]
        image, _ = dataset[2]
        assert image.mode == "RGB" and image.size == (4, 5)
        assert TORCH["ImageFolder"](tmp_path, transform=lambda pair: (pair[0].size, pair[1] + 1))[0] == ((4, 5), 1)

    def test_wrong_folders(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="give one with a folder per class"):
            TORCH["ImageFolder"](tmp_path / "no")
        (tmp_path / "empty").mkdir()
        with pytest.raises(UsageError, match="has no images in folders"):
            TORCH["ImageFolder"](tmp_path)


class TestBert:
    ROW = (torch.tensor([1, 2]), torch.tensor([1, 1]), torch.tensor([0, 0]), torch.tensor(1))

    @pytest.mark.parametrize(
        "task, model_type, names",
        [
            ("classifier", "distilbert", ["input_ids", "attention_mask", "labels"]),
            ("classifier", "bert", ["input_ids", "attention_mask", "token_type_ids", "labels"]),
            ("squad", "distilbert", ["input_ids", "attention_mask"]),
            ("squad", "xlnet", ["input_ids", "attention_mask", "token_type_ids", "cls_index", "p_mask"]),
            ("squad", "xlm", ["input_ids", "attention_mask", "cls_index", "p_mask"]),
        ],
    )
    def test_rows_of_tensors(self, task, model_type, names):
        dataset = TORCH["bert"](dataset=[(*self.ROW, 5, 6)], task=task, model_type=model_type)
        inputs, label = dataset[0]
        assert len(dataset) == 1 and list(inputs) == names and label == (1 if task == "classifier" else 0)

    def test_wrong_uses(self):
        with pytest.raises(UsageError, match="`task` must be one of classifier, squad"):
            TORCH["bert"]([self.ROW], "regression")
        with pytest.raises(UsageError, match="has at least 4 tensors, row 0 has 3"):
            TORCH["bert"]([self.ROW[:3]], "classifier")[0]


def test_those_that_are_not_here():
    for name in ABSENT:
        with pytest.raises(UsageError, match=f"{name!r} is not built in: .*; the built-in ones are dummy, "):
            TORCH[name]
    with pytest.raises(UsageError, match="'MNIST' is not built in: torchvision.datasets.MNIST"):
        TORCH["MNIST"]
    with pytest.raises(UsageError, match=r"Unknown dataset 'dumy'; .*; did you mean 'dummy'\?"):
        TORCH["dumy"]
    with pytest.raises(UsageError, match="MXNet has been retired"):
        Datasets("mxnet")


def test_a_dataset_of_ones_own(monkeypatch):
    monkeypatch.setattr("inc_hf.built_in.datasets.DATASETS", dict(DATASETS))

    @dataset_registry("mine", "pytorch, tensorflow", "raw")
    class Mine:
        pass

    assert Datasets("pytorch_fx")["mineraw"] is Mine
    with pytest.raises(UsageError, match="There is a dataset 'mineraw' already"):
        dataset_registry("mine", "pytorch", "raw")(Mine)
    with pytest.raises(UsageError, match="stay with `neural-compressor<3`"):
        dataset_registry("mine", "tensorflow")
