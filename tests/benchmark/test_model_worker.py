"""What the process that measures a model says of it."""

import pytest
from safetensors.torch import load_file
from tiny import quantized, tiny_model

from inc_hf import mix_precision, ops, optimize
from inc_hf.benchmark.model_worker import at_its_fastest, facts_of
from inc_hf.quantize.nn import PackedWeight


@pytest.mark.parametrize("make", [quantized, lambda name: mix_precision.fit(tiny_model(name))], ids=["int8", "bf16"])
@pytest.mark.parametrize("name", ["bert", "gpt2"])  # GPT-2 has a tied weight
def test_the_size_of_a_model_of_the_hub_is_that_of_its_file(make, name, tmp_path):
    result = make(name)
    result.save_pretrained(tmp_path)
    facts = facts_of(optimize(result.model), {"model": "somebody/model", "kind": "checkpoint"})
    assert facts["bytes"] == sum(tensor.nbytes for tensor in load_file(tmp_path / "model.safetensors").values())
    at_its_fastest(result.model)
    layers = [module for module in result.model.modules() if isinstance(module, PackedWeight)]
    assert layers and all((module.packed is not None) == ops.is_native() for module in layers)
