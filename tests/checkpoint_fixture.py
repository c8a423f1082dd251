"""The fixture `checkpoints`; a test module says `pytest_plugins = ["checkpoint_fixture"]`."""

from pathlib import Path

import pytest
import torch
from tiny import logits_of, quantized, tiny_inputs

# With the embeddings, whose weight it shares: what a decoder leaves by default asks for no care.
HEAD = {"op_name_dict": {"lm_head": {"weight": {"dtype": ["int8"]}}}}
INT4 = {"op_type_dict": {".*": {"weight": {"bits": 4}}}}


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory) -> dict[str, Path]:
    """Checkpoints with their inputs and logits, by "model approach format"."""
    root, found = tmp_path_factory.mktemp("checkpoints"), {}
    torch.set_num_threads(1)
    for model, approach, format in [
        ("bert", "dynamic", "compressed-tensors"),
        ("bert", "static", "compressed-tensors"),
        ("bert", "weight_only", "compressed-tensors"),
        ("opt", "dynamic", "compressed-tensors"),
        ("t5", "dynamic", "compressed-tensors"),
        ("bert", "dynamic", "inc"),
        ("gpt2", "static", "inc"),
        ("vit", "dynamic", "inc"),
    ]:
        key = f"{model} {approach} {format}"
        result = quantized(model, approach, **(HEAD if model in ("opt", "gpt2") else {}))
        found[key] = result.save_pretrained(root / key.replace(" ", "-"), format=format)
        torch.save(tiny_inputs(result.model), found[key] / "inputs.pt")
        torch.save(logits_of(result.model), found[key] / "logits.pt")
    result = quantized("bert", **INT4)
    found["bert 4-bit inc"] = result.save_pretrained(root / "bert-4")
    torch.save(tiny_inputs(result.model), found["bert 4-bit inc"] / "inputs.pt")
    torch.save(logits_of(result.model), found["bert 4-bit inc"] / "logits.pt")
    return found
