"""Headers of weight files; damaged ones are tested by `inc-hf info`, too."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file

from inc_hf.checkpoint import CheckpointError
from inc_hf.checkpoint.header import read_header, weights_size


def test_names_dtypes_and_shapes(tmp_path):
    tensors = {"a": torch.zeros(2, 3), "b": torch.zeros(4, dtype=torch.int8)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = read_header(tmp_path / "x.safetensors")
    assert {name: (entry["dtype"], entry["shape"]) for name, entry in found.items()} == {
        "a": ("F32", [2, 3]),
        "b": ("I8", [4]),
    }
    assert weights_size(tmp_path) == (tmp_path / "x.safetensors").stat().st_size
    assert weights_size(tmp_path / "absent") == 0


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 1},
        {"a": {}},
        {"a": {**ENTRY, "dtype": None}},
        {"a": {**ENTRY, "shape": "1"}},
        {"a": {**ENTRY, "shape": ["1"]}},
        {"a": {**ENTRY, "data_offsets": [4]}},
        {"a": {**ENTRY, "data_offsets": None}},
    ],
    ids=str,
)
def test_what_is_no_header(tmp_path, header):
    text = json.dumps(header).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    with pytest.raises(CheckpointError, match="x is truncated or not a safetensors file"):
        read_header(tmp_path / "x")


@pytest.mark.parametrize("surplus", [-1, 1])
def test_another_length(tmp_path, surplus):
    text = json.dumps({"__metadata__": {"format": "pt"}, "a": ENTRY}).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4 + surplus))
    with pytest.raises(CheckpointError, match="x is truncated: it has .* bytes, its header speaks of"):
        read_header(tmp_path / "x")
