"""A damaged or forged checkpoint is an error that names the tensor or the file, never a silently wrong model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import logits_of, quantized
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from inc_hf import IncModelForSequenceClassification
from inc_hf.checkpoint import CheckpointError, validate_model

LAYER = "bert.encoder.layer.0.output.dense"
PER_TENSOR = {"op_type_dict": {"Linear": {"activation": {"granularity": "per_tensor"}}}}
FORMATS = ["compressed-tensors", "inc"]
# With inc_hf imported, plain transformers loads quant_method "inc", too.
LOADERS = [
    ("compressed-tensors", IncModelForSequenceClassification),
    ("inc", IncModelForSequenceClassification),
    ("inc", AutoModelForSequenceClassification),
]
LOADER_IDS = ["IncModel-ct", "IncModel-inc", "AutoModel-inc"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, Path]:
    """A static checkpoint in both formats, its weights of 7 bits."""
    model = quantized("bert", "static", reduce_range=True, **PER_TENSOR)
    root = tmp_path_factory.mktemp("saved")
    return {format: model.save_pretrained(root / format, format=format) for format in FORMATS}


@pytest.fixture
def copy_of(saved, tmp_path) -> Callable[[str], Path]:
    return lambda format: Path(shutil.copytree(saved[format], tmp_path / "copy"))


def edit_tensors(directory: Path, change: Callable[[dict[str, Tensor]], None]) -> None:
    tensors = load_file(directory / "model.safetensors")
    change(tensors)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})


def edit_config(directory: Path, change: Callable[[dict], None]) -> None:
    config = json.loads((directory / "config.json").read_text())
    change(config["quantization_config"])
    (directory / "config.json").write_text(json.dumps(config))


def groups_of(config: dict) -> list[dict]:
    return list(config["config_groups"].values()) if "config_groups" in config else config["groups"]


@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_the_untouched_copy_loads(copy_of, format, loader):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: None)
    edit_config(directory, lambda config: None)
    expected = logits_of(quantized("bert", "static", reduce_range=True, **PER_TENSOR).model)
    assert torch.equal(logits_of(loader.from_pretrained(directory)), expected)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99], ids=["empty", "in the header", "half", "the end"])
@pytest.mark.parametrize("format", FORMATS)
def test_truncated_file(copy_of, format, part):
    directory = copy_of(format)
    weights = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(weights[: int(part * len(weights))])
    with pytest.raises(CheckpointError, match=f"The weights of {directory} are truncated or damaged"):
        IncModelForSequenceClassification.from_pretrained(directory)


def test_missing_file(copy_of):
    directory = copy_of("inc")
    (directory / "model.safetensors").unlink()
    with pytest.raises(OSError, match="model.safetensors"):
        IncModelForSequenceClassification.from_pretrained(directory)


@pytest.mark.parametrize("key", ["weight_scale", "input_scale"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1e-3])
@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_flipped_scale(copy_of, format, loader, key, value):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: tensors[f"{LAYER}.{key}"].view(-1)[-1:].fill_(value))
    with pytest.raises(CheckpointError, match=f"`{LAYER}.{key}` has values that are not positive and finite"):
        loader.from_pretrained(directory)


@pytest.mark.parametrize("key", ["weight", "weight_scale", "input_scale", "input_zero_point", "bias"])
@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_missing_tensor(copy_of, format, loader, key):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: tensors.pop(f"{LAYER}.{key}"))
    with pytest.raises(CheckpointError, match=f"`{LAYER}.{key}` is missing"):
        loader.from_pretrained(directory)


@pytest.mark.parametrize("format", FORMATS)
def test_missing_float_tensor(copy_of, format):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: tensors.pop("bert.embeddings.LayerNorm.weight"))
    with pytest.raises(CheckpointError, match="missing \\['bert.embeddings.LayerNorm.weight'\\]"):
        IncModelForSequenceClassification.from_pretrained(directory)


@pytest.mark.parametrize(
    "key",
    ["bert.embeddings.LayerNorm.weight_scale", f"{LAYER}.weight_zero_point", "bert.extra.input_scale"],
    ids=["of a float module", "of a quantized module", "of no module"],
)
@pytest.mark.parametrize("format", FORMATS)
def test_extra_scale(copy_of, format, key):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: tensors.update({key: torch.ones(1)}))
    with pytest.raises(CheckpointError, match=f"not expected \\['{key}'\\]"):
        IncModelForSequenceClassification.from_pretrained(directory)


@pytest.mark.parametrize("value", [64, 127, -65, -128])
@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_integers_outside_of_their_bits(copy_of, format, loader, value):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: tensors[f"{LAYER}.weight"].view(-1)[:1].fill_(value))
    with pytest.raises(CheckpointError, match=f"`{LAYER}.weight` has integers outside of its 7 bits"):
        loader.from_pretrained(directory)


@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_the_most_negative_integer_is_allowed(copy_of, format, loader):
    directory = copy_of(format)
    edit_tensors(directory, lambda tensors: tensors[f"{LAYER}.weight"].view(-1)[:1].fill_(-64))
    assert loader.from_pretrained(directory).get_submodule(LAYER).codes.min() == -64


@pytest.mark.parametrize(
    ("key", "dtype", "message"),
    [
        ("weight", torch.float32, "holds floats where integers belong"),
        ("weight", torch.int32, "is torch.int32 instead of int8"),
        ("weight", torch.uint8, "is torch.uint8 instead of int8"),
        ("input_zero_point", torch.float32, "holds floats where integers belong"),
        ("input_zero_point", torch.int32, "is torch.int32 instead of int8"),
    ],
)
@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_wrong_dtype(copy_of, format, loader, key, dtype, message):
    directory = copy_of(format)
    name = f"{LAYER}.{key}"
    edit_tensors(directory, lambda tensors: tensors.update({name: tensors[name].abs().to(dtype)}))
    with pytest.raises(CheckpointError, match=f"`{name}` {message}"):
        loader.from_pretrained(directory)


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("weight", lambda tensor: tensor[:, :-1]),
        ("weight", lambda tensor: tensor.squeeze(-1).T),
        ("weight_scale", lambda tensor: tensor[:1]),
        ("weight_scale", lambda tensor: tensor.flatten()),
        ("input_scale", lambda tensor: tensor.expand(16).clone()),
    ],
    ids=["cut weight", "transposed weight", "one scale", "scale without dimension", "input scale per channel"],
)
@pytest.mark.parametrize("format", FORMATS)
def test_wrong_shape(copy_of, format, key, change):
    directory = copy_of(format)
    name = f"{LAYER}.{key}"
    edit_tensors(directory, lambda tensors: tensors.update({name: change(tensors[name])}))
    with pytest.raises(CheckpointError, match=f"The weights of {directory} do not fit"):
        IncModelForSequenceClassification.from_pretrained(directory)


@pytest.mark.parametrize("format", FORMATS)
def test_wrong_shape_and_ignored(copy_of, format):
    directory = copy_of(format)
    name = f"{LAYER}.weight_scale"
    edit_tensors(directory, lambda tensors: tensors.update({name: tensors[name][:1]}))
    with pytest.raises(CheckpointError, match=f"`{name}` is missing from the checkpoint, or has another shape"):
        IncModelForSequenceClassification.from_pretrained(directory, ignore_mismatched_sizes=True)


@pytest.mark.parametrize("format", FORMATS)
def test_removed_group(copy_of, format):
    directory = copy_of(format)

    def remove_linears(config):
        if format == "inc":
            config["groups"] = [group for group in config["groups"] if "classifier" not in group["modules"]]
        else:
            groups = config["config_groups"]
            config["config_groups"] = {key: g for key, g in groups.items() if "Linear" not in g["targets"]}

    edit_config(directory, remove_linears)
    with pytest.raises(CheckpointError, match=str(directory)):
        IncModelForSequenceClassification.from_pretrained(directory)


@pytest.mark.parametrize("format", FORMATS)
def test_removed_quantization_config(copy_of, format):
    directory = copy_of(format)
    config = json.loads((directory / "config.json").read_text())
    del config["quantization_config"]
    (directory / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=str(directory)):
        IncModelForSequenceClassification.from_pretrained(directory)


@pytest.mark.parametrize("num_bits", [2, 4, 6])
@pytest.mark.parametrize(("format", "loader"), LOADERS, ids=LOADER_IDS)
def test_fewer_bits_than_stored(copy_of, format, loader, num_bits):
    directory = copy_of(format)

    def change(config):
        for group in groups_of(config):
            group.get("weights", group.get("scheme", {}).get("weight"))["num_bits"] = num_bits

    edit_config(directory, change)
    with pytest.raises((CheckpointError, RuntimeError), match=f"outside of its {num_bits} bits|do not fit|mismatched"):
        loader.from_pretrained(directory)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quant_method": "gptq"}, "'gptq'; this package reads 'inc' and 'compressed-tensors'"),
        ({"quant_method": None}, "None; this package reads"),
        ({"format_version": 3}, "format version 3, this inc_hf reads 1 to 2; upgrade"),
        ({"groups": None}, "malformed"),
        ({"groups": [{"modules": ["absent"], "scheme": {"weight": {}}}]}, "`absent`, which the model lacks"),
        ({"groups": [{"modules": ["classifier"], "scheme": {"weight": {"num_bits": 99}}}]}, "`classifier`.*99"),
    ],
    ids=["other method", "no method", "newer version", "no groups", "absent module", "99 bits"],
)
def test_forged_config(copy_of, change, message):
    directory = copy_of("inc")
    edit_config(directory, lambda config: config.update(change))
    with pytest.raises(ValueError, match=message):
        IncModelForSequenceClassification.from_pretrained(directory)


class TestSmoothed:
    """The divisors of SmoothQuant are checked as scales are."""

    @pytest.fixture
    def directory(self, tmp_path) -> Path:
        recipes = {"smooth_quant": True, "smooth_quant_args": {"alpha": 0.8}}
        return quantized("bert", "static", recipes=recipes).save_pretrained(tmp_path / "out")

    @pytest.mark.parametrize("value", [float("nan"), 0.0, -1.0])
    def test_flipped(self, directory, value):
        edit_tensors(directory, lambda tensors: tensors[f"{LAYER}.smooth_scale"][:1].fill_(value))
        with pytest.raises(CheckpointError, match=f"`{LAYER}.smooth_scale` has values that are not positive"):
            IncModelForSequenceClassification.from_pretrained(directory)

    def test_missing(self, directory):
        edit_tensors(directory, lambda tensors: tensors.pop(f"{LAYER}.smooth_scale"))
        with pytest.raises(CheckpointError, match=f"`{LAYER}.smooth_scale` is missing"):
            IncModelForSequenceClassification.from_pretrained(directory)

    def test_removed_from_the_config(self, directory):
        def remove(config):
            for group in groups_of(config):
                group["scheme"]["smooth_alpha"] = None

        edit_config(directory, remove)
        with pytest.raises(CheckpointError, match="not expected .*smooth_scale"):
            IncModelForSequenceClassification.from_pretrained(directory)


class TestValidateModel:
    """The check alone, on models in memory."""

    def test_a_good_model(self):
        for approach in ("dynamic", "static", "weight_only"):
            validate_model(quantized("bert", approach).model)

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("weight_scale", torch.full((16, 1), float("nan")), "not positive and finite"),
            ("input_scale", torch.zeros(1), "not positive and finite"),
            ("input_zero_point", torch.zeros(1), "torch.float32 instead of int8"),
        ],
    )
    def test_a_bad_tensor(self, key, value, message):
        model = quantized("bert", "static", **PER_TENSOR).model
        setattr(model.get_submodule(LAYER), key, value)
        with pytest.raises(CheckpointError, match=f"`{LAYER}.{key}` .*{message}"):
            validate_model(model)

    def test_a_zero_point_outside_of_its_bits(self):
        model = quantized("bert", "static", **PER_TENSOR).model
        module = model.get_submodule(LAYER)
        module.scheme = type(module.scheme)(module.scheme.weight, type(module.scheme.activation)(7, False, False))
        module.input_zero_point = torch.tensor([-128], dtype=torch.int8)
        with pytest.raises(CheckpointError, match=f"`{LAYER}.input_zero_point` lies outside of 7 bits"):
            validate_model(model)
