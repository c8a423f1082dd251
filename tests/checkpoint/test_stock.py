"""Checkpoints in stock transformers, with and without us and compressed-tensors."""

import json

import pytest
import torch
import transformers
from fresh import run_fresh
from interpreter import run_python
from tiny import offline_environment

pytest_plugins = ["checkpoint_fixture"]

STOCK = """
import json, sys
import torch, transformers
torch.set_num_threads(1)
results = {}
for directory in sys.argv[1:]:
    architecture = json.load(open(f"{directory}/config.json"))["architectures"][0]
    inputs = torch.load(f"{directory}/inputs.pt")
    try:
        model = getattr(transformers, architecture).from_pretrained(directory)
    except (RuntimeError, ImportError) as error:
        results[directory] = [type(error).__name__, str(error)]
        continue
    with torch.no_grad():
        torch.save(model(**inputs).logits, f"{directory}/stock.pt")
    results[directory] = ["loaded", ""]
print(json.dumps({"results": results, "has_inc_hf": "inc_hf" in sys.modules}))
"""


@pytest.fixture(scope="module")
def stock_results(checkpoints) -> dict[str, list]:
    """What came of loading each checkpoint in a process that never imports inc_hf."""
    pytest.importorskip("compressed_tensors")
    finished = run_fresh(STOCK, *checkpoints.values(), env=offline_environment())
    assert finished.returncode == 0, finished.stderr[-3000:]
    report = json.loads(finished.stdout.splitlines()[-1])
    assert not report["has_inc_hf"]
    return {key: report["results"][str(directory)] for key, directory in checkpoints.items()}


class TestStockTransformers:
    """Without `import inc_hf`, in a fresh process."""

    @pytest.mark.parametrize("key", ["bert dynamic", "bert static", "bert weight_only", "opt dynamic", "t5 dynamic"])
    def test_computes_the_same_from_compressed_tensors(self, stock_results, checkpoints, key):
        key = f"{key} compressed-tensors"
        assert stock_results[key][0] == "loaded", stock_results[key]
        logits, stock = (torch.load(checkpoints[key] / name) for name in ("logits.pt", "stock.pt"))
        difference = (stock - logits).abs()
        assert difference.max() < 0.03 * logits.abs().max()
        if "weight_only" in key:
            # Stock multiplies floats, and has dynamic scales of another precision, those of a static model's
            # feed-forward products too: an activation between two integers may go to the other one.
            assert (difference <= 1e-5).float().mean() > 0.5

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
    @pytest.mark.parametrize("key", ["bert dynamic", "bert static", "opt dynamic"])
    def test_computes_in_other_dtypes(self, checkpoints, key, dtype):
        pytest.importorskip("compressed_tensors")
        directory = checkpoints[f"{key} compressed-tensors"]
        architecture = getattr(transformers, json.loads((directory / "config.json").read_text())["architectures"][0])
        model = architecture.from_pretrained(directory, dtype=getattr(torch, dtype))
        with torch.no_grad():
            stock = model(**torch.load(directory / "inputs.pt")).logits
        logits = torch.load(directory / "logits.pt")
        assert stock.dtype == getattr(torch, dtype)
        assert (stock - logits).abs().max() < 0.05 * logits.abs().max()

    @pytest.mark.parametrize("key", ["bert dynamic inc", "gpt2 static inc", "vit dynamic inc", "bert 4-bit inc"])
    def test_refuses_inc(self, stock_results, key):
        assert stock_results[key][0] == "RuntimeError", "integers must never be loaded as floats"


def test_after_import_inc_hf_plain_transformers_loads_inc(checkpoints):
    directory = checkpoints["bert dynamic inc"]
    code = """
import sys
import inc_hf
assert "inc_hf.checkpoint.quantizer" not in sys.modules, "import inc_hf is to be quick"
import torch
from transformers import AutoModelForSequenceClassification
torch.set_num_threads(1)
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[1])
inputs, logits = torch.load(f"{sys.argv[1]}/inputs.pt"), torch.load(f"{sys.argv[1]}/logits.pt")
with torch.no_grad():
    assert torch.equal(model(**inputs).logits, logits)
print(type(model.classifier).__name__)
"""
    assert run_python(code, str(directory)).splitlines()[-1] == "QLinear"


def test_without_compressed_tensors(checkpoints):
    code = """
import sys
sys.modules["compressed_tensors"] = None
import torch
from transformers import AutoModelForSequenceClassification
import inc_hf
torch.set_num_threads(1)
directory = sys.argv[1]
inputs, logits = torch.load(f"{directory}/inputs.pt"), torch.load(f"{directory}/logits.pt")
model = inc_hf.IncModelForSequenceClassification.from_pretrained(directory)
with torch.no_grad():
    assert torch.equal(model(**inputs).logits, logits)
model.save_pretrained("again")
try:
    AutoModelForSequenceClassification.from_pretrained(directory)
except ImportError as error:
    print(error)
inc = AutoModelForSequenceClassification.from_pretrained(sys.argv[2])
with torch.no_grad():
    print(torch.equal(inc(**inputs).logits, torch.load(f"{sys.argv[2]}/logits.pt")))
"""
    first, second = checkpoints["bert static compressed-tensors"], checkpoints["bert dynamic inc"]
    *_, error, is_equal = run_python(code, str(first), str(second), cwd=first).splitlines()
    assert "pip install compressed-tensors" in error
    assert is_equal == "True"
    assert (first / "again" / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
