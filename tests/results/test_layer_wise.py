"""`layer_wise_quant`: the integers of the ordinary way, from a checkpoint, with one block in memory at a time."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import tiny_inputs, tiny_model

from inc_hf import IncModelForSequenceClassification, IncQuantizer, PostTrainingQuantConfig
from inc_hf.adaptor.torch_utils.layer_wise_quant import load_empty_model
from inc_hf.checkpoint.streamed import StreamedWeights
from inc_hf.quantization import fit

LAYER_WISE = {"layer_wise_quant": True}


def tensors(directory: Path) -> dict[str, torch.Tensor]:
    return {key: value for file in directory.glob("*.safetensors") for key, value in load_file(file).items()}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Directory of a tiny float model of a kind, made once."""
    made: dict[str, Path] = {}

    def directory(name: str, **values) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            tiny_model(name, **values).save_pretrained(made[name], max_shard_size="20KB")
        return made[name]

    return directory


CASES = {
    "static Llama": ("llama", {"approach": "static"}),
    "4 bits, weights only": (
        "llama",
        {"approach": "weight_only", "op_type_dict": {"Linear": {"weight": {"bits": 4}}}},
    ),
    "static BERT, corrected": (
        "bert",
        {"approach": "static", "recipes": {"fast_bias_correction": True, "weight_correction": True}},
    ),
    "GPT-2 with tied ends": (
        "gpt2",
        {
            "approach": "dynamic",
            "op_type_dict": {"Embedding": {"weight": {"dtype": "int8"}}},
            "op_name_dict": {"lm_head": {"weight": {"dtype": "int8"}}},
        },
    ),
    "static T5": ("t5", {"approach": "static"}),
}


@pytest.mark.parametrize("name, config", CASES.values(), ids=CASES)
def test_is_the_ordinary_way_bit_by_bit(name, config, saved, tmp_path):
    source = saved(name)
    model = type(tiny_model(name)).from_pretrained(source)
    data = [tiny_inputs(model)] if config["approach"] == "static" else None
    fit(model, PostTrainingQuantConfig(**config), calib_dataloader=data).save_pretrained(tmp_path / "whole")
    recipes = {**config.get("recipes", {}), **LAYER_WISE}
    result = fit(source, PostTrainingQuantConfig(**{**config, "recipes": recipes}), calib_dataloader=data)
    result.save(tmp_path / "layers")
    whole, layers = tensors(tmp_path / "whole"), tensors(tmp_path / "layers")
    assert whole.keys() == layers.keys() and all(torch.equal(value, layers[key]) for key, value in whole.items())
    for file in ("config.json", "inc_config.json"):
        of_whole, of_layers = (json.loads((tmp_path / name / file).read_text()) for name in ("whole", "layers"))
        if "size" in of_whole:  # of one file, and of several, each with a header
            of_layers["size"]["weights"] = of_whole["size"]["weights"]
        if "quantization" in of_whole:  # whether a recipe made the whole model worse, nobody sees by blocks
            of_layers["quantization"]["notes"] = of_whole["quantization"]["notes"]
        assert of_whole == of_layers


def test_zeros_are_left_out_as_in_the_ordinary_way(tmp_path):
    model = tiny_model("gpt2")
    for module in model.transformer.h.modules():
        if hasattr(module, "nf"):
            module.weight.data[module.weight.abs() < module.weight.abs().quantile(0.9)] = 0
    model.save_pretrained(tmp_path / "float")
    fit(model, PostTrainingQuantConfig(approach="dynamic")).save_pretrained(tmp_path / "whole")
    fit(tmp_path / "float", PostTrainingQuantConfig(approach="dynamic", recipes=LAYER_WISE)).save(tmp_path / "layers")
    whole, layers = tensors(tmp_path / "whole"), tensors(tmp_path / "layers")
    assert any(key.endswith("weight_mask") for key in whole) and whole.keys() == layers.keys()
    assert all(torch.equal(value, layers[key]) for key, value in whole.items())
    configs = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("whole", "layers")]
    assert configs[0] == configs[1] and configs[0]["quantization_config"]["sparse"]


def test_what_is_saved_runs(saved, tmp_path):
    source = saved("bert")
    quantizer = IncQuantizer(load_empty_model(source))
    quantizer.quantize(PostTrainingQuantConfig(approach="dynamic", recipes=LAYER_WISE), tmp_path)
    expected = fit(type(tiny_model("bert")).from_pretrained(source), PostTrainingQuantConfig(approach="dynamic"))
    model, inputs = IncModelForSequenceClassification.from_pretrained(tmp_path), tiny_inputs(expected.model)
    assert torch.equal(model(**inputs).logits, expected(**inputs).logits)


def test_one_block_is_there_at_a_time(saved, tmp_path, monkeypatch):
    torch.manual_seed(0)
    tiny_model("llama", num_hidden_layers=4).save_pretrained(tmp_path)
    model = load_empty_model(tmp_path)
    weights, most, load = StreamedWeights(model, tmp_path), [], StreamedWeights._load

    def seen(self, modules):
        before = load(self, modules)
        most.append(sum(p.numel() for p in model.parameters() if not p.is_meta))
        return before

    monkeypatch.setattr(StreamedWeights, "_load", seen)
    sizes = [sum(p.numel() for m in block.values() for p in m._parameters.values() if p is not None)
             for block in weights.blocks.values()]  # fmt: skip
    with torch.no_grad(), weights.on_demand():
        model(**tiny_inputs(model))
    assert len(sizes) == 5 and max(most) == sizes[0] + max(sizes[1:])
    assert all(parameter.is_meta for parameter in model.parameters())


def test_a_model_is_left_as_it_was(saved):
    model = load_empty_model(saved("bert"))
    for _ in range(2):
        fit(model, PostTrainingQuantConfig(approach="dynamic", recipes=LAYER_WISE))
    assert all(parameter.is_meta for parameter in model.parameters())
    assert not any(hasattr(module, "quantization_plan") or module._forward_hooks for module in model.modules())


def test_a_result_is_not_in_memory(saved):
    result = fit(saved("bert"), PostTrainingQuantConfig(approach="dynamic", recipes=LAYER_WISE))
    with pytest.raises(ValueError, match="not in memory; `save_pretrained` it"):
        result(input_ids=torch.ones(1, 2, dtype=torch.long))
    assert result.coverage.share > 0.5 and result.summary()["quantization"]["quantized_modules"] > 3


WHOLE = {
    "an evaluation": ({}, {"eval_func": lambda model: 1.0}),
    "diagnosis": ({"diagnosis": True}, {}),
    "SmoothQuant": ({"recipes": {**LAYER_WISE, "smooth_quant": True}}, {"calib_func": print}),
    "approach='auto'": ({"approach": "auto"}, {}),
}


@pytest.mark.parametrize("settings, arguments", WHOLE.values(), ids=WHOLE)
def test_what_needs_the_whole_model_is_refused(settings, arguments, saved):
    config = PostTrainingQuantConfig(**{"approach": "dynamic", "recipes": LAYER_WISE, **settings})
    with pytest.raises(ValueError, match="one block of the model in memory at a time, and .* needs the whole model"):
        fit(saved("bert"), config, **arguments)


def test_a_model_in_memory_is_refused():
    with pytest.raises(ValueError, match="this model is in memory; pass its directory"):
        fit(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic", recipes=LAYER_WISE))


@pytest.mark.parametrize("damage, message", [("missing", "has no `classifier.weight`"), ("shape", "has the shape")])
def test_a_checkpoint_that_lacks_something(damage, message, tmp_path):
    tiny_model("bert").save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    weight = state.pop("classifier.weight")
    state |= {"classifier.weight": weight[:, 1:].clone()} if damage == "shape" else {}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, PostTrainingQuantConfig(approach="dynamic", recipes=LAYER_WISE))


def test_no_safetensors(tmp_path):
    tiny_model("bert").config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no safetensors files"):
        fit(
            load_empty_model(tmp_path, type(tiny_model("bert"))),
            PostTrainingQuantConfig(recipes=LAYER_WISE, approach="dynamic"),
        )


def test_data_that_does_not_fit_leaves_the_model_as_it_was(saved):
    model = load_empty_model(saved("bert"))
    with pytest.raises(ValueError, match="does not fit the model"):
        fit(
            model,
            PostTrainingQuantConfig(recipes=LAYER_WISE),
            calib_dataloader=[{"input_ids": torch.full((1, 3), 9999)}],
        )
    assert all(parameter.is_meta for parameter in model.parameters())
