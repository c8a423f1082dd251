"""Dataloaders from the file: the datasets and transforms of 1.X that are kept."""

import numpy as np
import pytest
import torch
from tiny import tiny_model, tiny_tokenizer

from inc_hf import quantization
from inc_hf.errors import UsageError
from inc_hf.migrate.conf import read_conf
from inc_hf.migrate.conf.data import build_dataloader, dataloader_of
from inc_hf.migrate.conf.python_code import python_code
from inc_hf.migrate.conf.translate import post_training_config

Image = pytest.importorskip("PIL.Image")


def test_dummy():
    loader = build_dataloader({"dummy": {"shape": [6, 3, 4], "low": 0, "high": 1.0}}, batch_size=4)
    (first, labels), (last, _) = loader
    assert first.shape == (4, 3, 4) and last.shape == (2, 3, 4) and labels.tolist() == [0] * 4
    assert first.dtype == torch.float32 and 0 <= first.min() and first.max() <= 1
    expected = np.random.RandomState(9527).uniform(0, 1, (6, 3, 4)).astype("float32")  # INC's numbers
    assert torch.equal(torch.cat([first, last]), torch.from_numpy(expected))


def test_dummy_of_several_inputs():
    settings = {"shape": [[4, 2], [4, 5]], "low": [0, -1], "high": [9, 1], "dtype": "int64, float32", "label": False}
    ((ids, values),) = build_dataloader({"dummy": settings}, batch_size=4, last_batch="discard")
    assert ids.dtype == torch.int64 and ids.shape == (4, 2) and values.shape == (4, 5)


def test_dummy_v2():
    """Sample after sample as in INC, which never ended."""
    loader = build_dataloader({"dummy_v2": {"input_shape": [3, 4], "label_shape": [1]}}, shuffle=True)
    batches = list(loader)
    assert [len(labels) for _, labels in batches] == [64] * 16 and len(loader) == 16
    generator = np.random.RandomState(9527)
    for sample, label in zip(*batches[0], strict=True):
        assert torch.equal(sample, torch.from_numpy(generator.uniform(-128, 127, (3, 4)).astype("float32")))
        assert torch.equal(label, torch.from_numpy(generator.uniform(-128, 127, (1,)).astype("float32")))


def test_batches_are_as_large_as_in_inc():
    """64, wherever the file does not say it: `create_obj_from_config.DEFAULT_BATCH_SIZE` of 1.14."""
    data = {"dataloader": {"dataset": {"dummy": {"shape": [100, 2]}}}}
    conf = read_conf(
        {
            "model": {"name": "a", "framework": "pytorch"},
            "quantization": {"calibration": data, "train": data},
            "evaluation": {"accuracy": data, "performance": data},
        }
    )
    quantized, evaluated = conf.quantization, conf.evaluation
    for section in (quantized.calibration, quantized.train, evaluated.accuracy, evaluated.performance):
        assert [len(batch) for batch, _ in dataloader_of(section.dataloader)] == [64, 36]
    assert build_dataloader({"dummy": {"shape": [100, 2]}}).batch_size == 64


WRONG = {
    "shapes": ({"shape": [[4, 2], [5, 2]]}, "how many samples there are; got several"),
    "lows": ({"shape": [[4, 2], [4, 2]], "low": [0, 1, 2]}, "`low` has 3 values for 2 shapes"),
    "dtype": ({"shape": [4, 2], "dtype": "string"}, "`dtype` must be one of float32"),
}


@pytest.mark.parametrize("settings, says", WRONG.values(), ids=WRONG)
def test_wrong_dummies(settings, says):
    with pytest.raises(UsageError, match=says):
        build_dataloader({"dummy": settings})


@pytest.fixture
def images(tmp_path):
    numbers = np.random.RandomState(0)
    for name, size in (("b/2.png", (9, 12)), ("a/1.png", (12, 9)), ("b/1.png", (8, 8))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(numbers.randint(0, 255, (*size, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "b" / "notes.txt").write_text("no image")
    return tmp_path


def test_images(images):
    transform = {
        "Resize": {"size": 8},
        "CenterCrop": {"size": 6},
        "ToTensor": {},
        "Normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    }
    ((batch, labels),) = build_dataloader({"ImageFolder": {"root": str(images)}}, batch_size=3, transform=transform)
    assert batch.shape == (3, 3, 6, 6) and labels.tolist() == [0, 1, 1]
    square = np.asarray(Image.open(images / "b/1.png"))[1:7, 1:7].transpose(2, 0, 1)
    torch.testing.assert_close(batch[1], torch.from_numpy(square / 255 * 2 - 1).float())


def test_a_transform_in_a_wrong_place(images):
    loader = build_dataloader(
        {"ImageFolder": {"root": str(images)}}, transform={"ToTensor": {}, "Resize": {"size": 3}}
    )
    with pytest.raises(UsageError, match="it stands before ToTensor"):
        loader.dataset[0]


def test_folders_without_images(tmp_path):
    with pytest.raises(FileNotFoundError, match="give one with a folder per class"):
        build_dataloader({"ImageFolder": {"root": str(tmp_path / "nothing")}})
    with pytest.raises(UsageError, match="has no images in folders"):
        build_dataloader({"ImageFolder": {"root": str(tmp_path)}})


def test_an_image_that_is_none(images):
    (images / "a" / "0.png").write_text("no image")
    with pytest.raises(OSError, match=r"cannot identify image file '.*0\.png'"):
        build_dataloader({"ImageFolder": {"root": str(images)}}).dataset[0]


def test_others_are_refused_with_what_takes_their_place(images):
    with pytest.raises(UsageError, match=r"`CIFAR10` is not kept: torchvision\.datasets\.CIFAR10"):
        build_dataloader({"CIFAR10": {"root": "a"}})
    with pytest.raises(UsageError, match="transform `ParseDecodeImagenet` is not kept"):
        build_dataloader({"ImageFolder": {"root": str(images)}}, transform={"ParseDecodeImagenet": {}})
    with pytest.raises(UsageError, match="is no dataset of INC"):
        build_dataloader({"Imagefolder": {"root": "a"}})


@pytest.fixture
def glue(tmp_path):
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    rows = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", "1\t1\t2\tthe movie\tthe film", '0\t3\t4\ta "bad\tmovie']
    (tmp_path / "dev.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "train.tsv").write_text("id\t1\t\tthe movie\nid\t0\t*\tmovie the\n")
    return tmp_path


def glue_of(place, **settings):
    return {"GLUE": {"data_dir": str(place), "model_name_or_path": str(place / "tokenizer"), **settings}}


def test_glue(glue):
    (batch,) = build_dataloader(glue_of(glue, max_seq_length=12), batch_size=2)
    assert batch["input_ids"].shape == (2, 12) and batch["labels"].tolist() == [1, 0]
    (ragged,) = build_dataloader(glue_of(glue, dynamic_length=True), batch_size=2)
    assert ragged["input_ids"].shape[1] == int(batch["attention_mask"].sum(1).max())


def test_glue_without_a_header(glue):
    (batch,) = build_dataloader(glue_of(glue, task="cola", evaluate=False, max_seq_length=8), batch_size=2)
    assert batch["labels"].tolist() == [1, 0]


WRONG_GLUE = {
    "another task": ({"task": "rte"}, r"line 2: there is no column 'sentence1'"),
    "no task": ({"task": "squad"}, "`task` must be one of cola"),
    "a label": ({"task": "cola"}, "line 1: the label must be one of 0, 1"),
}


@pytest.mark.parametrize("settings, says", WRONG_GLUE.values(), ids=WRONG_GLUE)
def test_wrong_glue(glue, settings, says):
    with pytest.raises(UsageError, match=says):
        build_dataloader(glue_of(glue, **settings))


def test_a_file_calibrates_a_model_as_its_source_text_does(glue, tmp_path):
    path = tmp_path / "conf.yaml"
    path.write_text(
        "model: {name: a, framework: pytorch}\n"
        "quantization:\n  model_wise: {activation: {algorithm: minmax}, weight: {granularity: per_channel}}\n"
        "  calibration:\n    sampling_size: 2\n    dataloader:\n      batch_size: 2\n      dataset:\n        GLUE:\n"
        f"          data_dir: {glue}\n          model_name_or_path: {glue / 'tokenizer'}\n"
        "          max_seq_length: 12\n"
    )
    conf = read_conf(path)
    loader = dataloader_of(conf.quantization.calibration.dataloader)
    expected = quantization.fit(tiny_model("bert"), post_training_config(conf), calib_dataloader=loader)
    names = {"model": tiny_model("bert")}
    exec(python_code(conf).text(), names)
    got, wanted = names["model"].model.state_dict(), expected.model.state_dict()
    assert got.keys() == wanted.keys() and any("scale" in name for name in got)
    assert all(torch.equal(got[name], wanted[name]) for name in got)
