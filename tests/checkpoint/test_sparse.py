"""Weights with many zeros in quant_method "inc": small on disk, the same bytes when loaded."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import logits_of, quantized, tiny_model

from inc_hf import IncModelForSequenceClassification, optimize
from inc_hf.checkpoint import CheckpointError
from inc_hf.checkpoint.sparse import Sparse, compress, decompress, form_of
from inc_hf.prune.pattern import BlockPattern
from inc_hf.quantize.nn import quantized_modules


def codes_of(shape, num_bits, share, unit_rows, seed=0):
    """Random integers, of which so large a share of the units is zero."""
    generator = torch.Generator().manual_seed(seed)
    low, high = -(1 << (num_bits - 1)), (1 << (num_bits - 1)) - 1
    codes = torch.randint(low, high + 1, shape, generator=generator, dtype=torch.int8)
    keep = torch.rand(shape[0] // unit_rows, shape[1], generator=generator) >= share
    return codes * keep.repeat_interleave(unit_rows, 0)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 20),
    num_bits=st.integers(2, 8),
    share=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    unit=st.sampled_from(["4x1", "1x1"]),
    seed=st.integers(0, 1000),
)
def test_round_trip(rows, columns, num_bits, share, unit, seed):
    """Any weight in either form, also one that neither would be chosen for."""
    codes = codes_of((4 * rows, columns), num_bits, share, 4 if unit == "4x1" else 1, seed)
    units = codes.unflatten(0, (-1, 4)).ne(0).any(1) if unit == "4x1" else codes != 0
    form = Sparse(unit, int(units.sum()))
    stored, mask = compress(codes, form, num_bits)
    assert (tuple(stored.shape), tuple(mask.shape)) == form.shapes(tuple(codes.shape), num_bits)
    assert decompress(stored, mask, form, tuple(codes.shape), num_bits).equal(codes)
    assert stored.nbytes + mask.nbytes == form.bytes(tuple(codes.shape), num_bits)


@pytest.mark.parametrize(
    ("unit", "share", "at_most"), [("4x1", 0.9, 0.2), ("4x1", 0.8, 0.35), ("1x1", 0.9, 0.23), ("1x1", 0.5, 0.63)]
)
def test_sizes(unit, share, at_most):
    codes = codes_of((384, 1536), 8, share, 4 if unit == "4x1" else 1)
    form = form_of(codes, 8)
    assert form.unit == unit and form.bytes((384, 1536), 8) <= at_most * codes.numel()


def test_the_smaller_form_is_taken_where_it_pays():
    assert form_of(codes_of((64, 64), 8, 0.05, 4), 8) is None
    assert form_of(codes_of((64, 64), 8, 0.05, 1), 8) is None
    assert form_of(codes_of((64, 64), 4, 0.3, 1), 4) is None, "a bit for each weight of four is too much"
    assert form_of(codes_of((64, 64), 4, 0.5, 4), 4).unit == "4x1"
    assert form_of(codes_of((6, 64), 8, 0.9, 1), 8).unit == "1x1", "6 rows are no blocks of 4"
    assert form_of(torch.zeros(64, 64, dtype=torch.int8), 8) == Sparse("4x1", 0)
    assert form_of(torch.zeros(8, 4, 3, 3, dtype=torch.int8), 8) is None


def pruned_bert(share=0.75, **values):
    """A BERT whose layers have blocks of zeros."""
    model = tiny_model("bert", hidden_size=32, intermediate_size=64, **values)
    pattern = BlockPattern(4, 1)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and "layer" in name:
            scores = pattern.reduce(module.weight.detach().abs(), "sum")
            keep = scores >= scores.flatten().quantile(share)
            module.weight.data *= pattern.expand(keep, tuple(module.weight.shape))
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A quantized model, and the directory where it is stored without its zeros."""
    result = quantized(pruned_bert(), "static")
    directory = tmp_path_factory.mktemp("sparse") / "inc"
    result.save_pretrained(directory, format="inc")
    return result.model, directory


def test_loads_back_to_the_same_bytes(saved):
    model, directory = saved
    config = json.loads((directory / "config.json").read_text())["quantization_config"]
    layers = [name for name in quantized_modules(model) if "layer" in name]
    assert config["format_version"] == 2 and set(config["sparse"]) == set(layers)
    loaded = IncModelForSequenceClassification.from_pretrained(directory)
    for name, module in quantized_modules(loaded).items():
        theirs = quantized_modules(model)[name].state_dict()
        assert module.state_dict().keys() == theirs.keys()
        assert all(module.state_dict()[key].equal(value) for key, value in theirs.items())
    assert logits_of(loaded).equal(logits_of(model))
    assert optimize(loaded) is not None


def test_saved_again_from_what_was_loaded(saved, tmp_path):
    _, directory = saved
    IncModelForSequenceClassification.from_pretrained(directory).save_pretrained(tmp_path)
    before, after = (load_file(path / "model.safetensors") for path in (directory, tmp_path))
    assert before.keys() == after.keys() and all(before[key].equal(after[key]) for key in before)


def test_dense_models_are_as_before(tmp_path):
    quantized(tiny_model("bert")).save_pretrained(tmp_path / "out", format="inc")
    config = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]
    assert config["format_version"] == 1 and not config["sparse"], "what older versions read"


def test_without_inc_hf_it_is_refused(saved):
    """The stored weights have another shape than float ones."""
    model, directory = saved
    with safe_open(directory / "model.safetensors", "pt") as tensors:
        stored = tensors.get_slice("bert.encoder.layer.0.output.dense.weight").get_shape()
    assert stored != list(model.bert.encoder.layer[0].output.dense.weight.shape)


def copy_with(directory, target, change_config=None, change_tensors=None):
    target.mkdir()
    config = json.loads((directory / "config.json").read_text())
    tensors = load_file(directory / "model.safetensors")
    if change_config:
        change_config(config["quantization_config"])
    if change_tensors:
        change_tensors(tensors)
    (target / "config.json").write_text(json.dumps(config))
    save_file(tensors, target / "model.safetensors", {"format": "pt"})


NAME = "bert.encoder.layer.0.output.dense"
WRONG_CONFIGS = {
    "no dict": (lambda c: c.update(sparse=[1]), "`sparse` in the `quantization_config` must be a dict"),
    "unit": (lambda c: c["sparse"].update({NAME: ["2x1", 5]}), "stored as \\['2x1', 5\\], which this inc_hf cannot"),
    "count": (lambda c: c["sparse"].update({NAME: ["4x1", -1]}), "cannot read"),
    "too many": (lambda c: c["sparse"].update({NAME: ["4x1", 10**6]}), "does not fit the model"),
    "another layer": (lambda c: c["sparse"].update({"bert.pooler": ["4x1", 1]}), "does not fit the model"),
    "unknown layer": (lambda c: c["sparse"].update({"bert.nowhere": ["4x1", 1]}), "does not fit the model"),
}


@pytest.mark.parametrize("case", WRONG_CONFIGS)
def test_wrong_configs(saved, tmp_path, case):
    change, match = WRONG_CONFIGS[case]
    copy_with(saved[1], tmp_path / "out", change)
    with pytest.raises(CheckpointError, match=match):
        IncModelForSequenceClassification.from_pretrained(tmp_path / "out")


def test_a_mask_of_another_number_of_units(saved, tmp_path):
    def flip(tensors):
        tensors[f"{NAME}.weight_mask"][0, 0] ^= 128

    copy_with(saved[1], tmp_path / "out", change_tensors=flip)
    with pytest.raises(CheckpointError, match="`weight_mask` in the checkpoint does not fit what its config says"):
        IncModelForSequenceClassification.from_pretrained(tmp_path / "out")


def test_a_mask_that_is_missing(saved, tmp_path):
    copy_with(saved[1], tmp_path / "out", change_tensors=lambda tensors: tensors.pop(f"{NAME}.weight_mask"))
    with pytest.raises(CheckpointError, match="weight_mask` is missing"):
        IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
