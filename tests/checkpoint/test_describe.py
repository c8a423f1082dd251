"""`quantization_config` from a quantized model and back."""

import json

import pytest
from tiny import quantized, tiny_model
from torch import nn

from inc_hf.checkpoint.compressed_tensors import NotExpressibleError
from inc_hf.checkpoint.describe import quantization_config_of, schemes_of_config
from inc_hf.quantize.nn import quantized_modules

LAYER = "bert.encoder.layer.0"
FP32 = {"weight": {"dtype": "fp32"}}
WEIGHTS = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False}
PER_TOKEN = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
PER_TENSOR = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "tensor", "dynamic": False}


def config_of(model: str = "bert", approach: str = "dynamic", format: str | None = None, **settings) -> dict:
    return quantization_config_of(quantized(model, approach, **settings).model, format)


def groups_by_target(config: dict) -> dict[str, dict]:
    return {target: group for group in config["config_groups"].values() for target in group["targets"]}


class TestCompressedTensors:
    def test_dynamic(self):
        config = config_of(reduce_range=False)
        groups = groups_by_target(config)
        assert config["quant_method"] == "compressed-tensors"
        assert config["format"] == "int-quantized"
        assert config["quantization_status"] == "compressed"
        assert config["ignore"] == []
        assert groups["Embedding"] == {"targets": ["Embedding"], "format": "int-quantized", "weights": WEIGHTS}
        assert groups["Linear"]["weights"] == WEIGHTS

    def test_is_json(self):
        config = config_of(approach="static")
        assert json.loads(json.dumps(config)) == config

    @pytest.mark.parametrize("scheme", ["sym", "asym"])
    def test_static(self, scheme):
        config = config_of(approach="static", op_type_dict={"Linear": {"activation": {"scheme": scheme}}})
        assert groups_by_target(config)["Linear"]["input_activations"] == {
            **PER_TENSOR,
            "symmetric": scheme == "sym",
            "observer": "minmax",
        }

    def test_weight_only_has_no_input_activations(self):
        config = config_of(approach="weight_only")
        assert all("input_activations" not in group for group in config["config_groups"].values())

    @pytest.mark.parametrize(("granularity", "strategy"), [("per_channel", "channel"), ("per_tensor", "tensor")])
    def test_granularity(self, granularity, strategy):
        config = config_of(op_type_dict={"Linear": {"weight": {"granularity": granularity}}})
        assert groups_by_target(config)["Linear"]["weights"]["strategy"] == strategy

    @pytest.mark.parametrize("bits", [5, 6, 7, 8])
    def test_bits(self, bits):
        config = config_of(op_type_dict={"Linear": {"weight": {"bits": bits}}})
        assert groups_by_target(config)["Linear"]["weights"]["num_bits"] == bits
        assert groups_by_target(config)["Embedding"]["weights"]["num_bits"] == 8

    @pytest.mark.parametrize(
        ("input_ndim", "words"),
        [
            (3, {"strategy": "token"}),
            (2, {"strategy": "group", "group_size": 16}),
            (None, {"strategy": "group", "group_size": 16}),
        ],
        ids=["3-D", "2-D", "unknown"],
    )
    def test_one_scale_per_row_whatever_the_input(self, input_ndim, words):
        model = quantized("bert").model
        model.classifier.input_ndim = input_ndim
        groups = groups_by_target(quantization_config_of(model))
        assert groups.get("classifier", groups["Linear"])["input_activations"] == {
            **PER_TOKEN,
            "observer_kwargs": {"scale_dtype": "bfloat16"},
            **words,
        }

    def test_the_rarer_scheme_has_names_for_targets(self):
        name = f"{LAYER}.output.dense"
        settings = {"op_type_dict": {"Linear": {"activation": {"granularity": "per_tensor"}}}}
        settings["op_name_dict"] = {name: {"weight": {"bits": 7}}}
        groups = groups_by_target(config_of(approach="static", reduce_range=False, **settings))
        assert {target: group["weights"]["num_bits"] for target, group in groups.items()} == {
            "Linear": 8,
            "Embedding": 8,
            name: 7,
        }

    def test_feed_forward_products_are_a_group(self):
        groups = groups_by_target(config_of(approach="static", reduce_range=False))
        dynamic = {target for target, group in groups.items() if group.get("input_activations", {}).get("dynamic")}
        assert dynamic == {f"{LAYER}.intermediate.dense", f"{LAYER}.output.dense"}
        assert all(groups[target]["input_activations"]["strategy"] == "token" for target in dynamic)
        assert groups["Linear"]["input_activations"]["strategy"] == "tensor"

    def test_compressed_tensors_has_no_warnings_for_it(self, caplog):
        quantization = pytest.importorskip("compressed_tensors.quantization")
        config = config_of(approach="static", op_name_dict={".*output.dense": {"weight": {"bits": 5}}})
        del config["quant_method"]
        model = tiny_model("bert")
        quantization.apply_quantization_config(model, quantization.QuantizationConfig(**config))
        assert [record.message for record in caplog.records if record.name.startswith("compressed_tensors")] == []
        assert model.get_submodule(f"{LAYER}.output.dense").quantization_scheme.weights.num_bits == 5

    def test_float_modules_are_ignored_by_name(self):
        config = config_of(op_name_dict={"classifier": FP32, "bert.embeddings.*": FP32})
        assert config["ignore"] == ["classifier"]
        assert "Embedding" not in groups_by_target(config)

    def test_float_embeddings_are_ignored_where_others_are_quantized(self):
        config = config_of(op_name_dict={"bert.embeddings.position_embeddings": FP32})
        assert config["ignore"] == ["bert.embeddings.position_embeddings"]

    def test_subclasses_of_linear_are_ignored_by_name(self):
        class OwnForward(nn.Linear):
            def forward(self, x):
                return super().forward(x) * 2

        model = tiny_model("bert")
        model.classifier = OwnForward(16, 2)
        assert quantization_config_of(quantized(model).model)["ignore"] == ["classifier"]

    @pytest.mark.parametrize(
        ("model", "settings", "module", "reason"),
        [
            ("vit", {}, "vit.embeddings.patch_embeddings.projection", "convolution"),
            ("gpt2", {}, "transformer.h.0.attn.c_attn", "Conv1D"),
            ("bert", {"op_name_dict": {"classifier": {"weight": {"bits": 4}}}}, "classifier", "4-bit"),
            ("bert", {"op_name_dict": {"classifier": {"weight": {"bits": 2}}}}, "classifier", "2-bit"),
            ("bert", {"recipes": {"smooth_quant": True}}, f"{LAYER}.attention.self.query", "smoothed inputs"),
        ],
        ids=["Conv2d", "Conv1D", "4 bits", "2 bits", "smoothed"],
    )
    def test_not_expressible(self, model, settings, module, reason):
        approach = "static" if "recipes" in settings else "dynamic"
        quantized_model = quantized(model, approach, **settings).model
        with pytest.raises(NotExpressibleError, match=f'`{module}` .*{reason}.*format="inc"'):
            quantization_config_of(quantized_model, "compressed-tensors")
        config = quantization_config_of(quantized_model)
        assert config["quant_method"] == "inc"
        assert module in [name for group in config["groups"] for name in group["modules"]]

    @pytest.mark.parametrize("model", ["vit", "gpt2"])
    def test_expressible_with_those_modules_in_float(self, model):
        named = {"lm_head": {"weight": {"dtype": "int8"}}} if model == "gpt2" else {}  # all that is left of it
        settings = {"op_type_dict": {"Conv2d|Conv1D": FP32}, "op_name_dict": named}
        config = config_of(model, format="compressed-tensors", **settings)
        assert groups_by_target(config).keys() <= {"Linear", "Embedding"} | set(
            dict(tiny_model(model).named_modules())
        )


class TestInc:
    def test_content(self):
        config = config_of(
            format="inc", op_name_dict={"bert.embeddings.*": FP32, "classifier": {"weight": {"bits": 4}}}
        )
        assert config["quant_method"] == "inc"
        assert config["format_version"] == 1
        modules = {name: group["scheme"] for group in config["groups"] for name in group["modules"]}
        assert modules["classifier"]["weight"] == {"num_bits": 4, "per_channel": True}
        assert sorted(len(group["modules"]) for group in config["groups"]) == [1, 7]
        assert json.loads(json.dumps(config)) == config


@pytest.mark.parametrize(
    ("model", "approach", "settings"),
    [
        ("bert", "dynamic", {}),
        ("bert", "static", {}),
        ("bert", "static", {"op_type_dict": {"Linear": {"activation": {"scheme": "sym", "algorithm": "mse"}}}}),
        ("bert", "weight_only", {}),
        ("bert", "dynamic", {"reduce_range": True}),
        ("bert", "dynamic", {"op_type_dict": {"Linear": {"weight": {"granularity": "per_tensor"}}}}),
        ("bert", "static", {"op_name_dict": {"classifier": FP32, f"{LAYER}.output.dense": {"weight": {"bits": 5}}}}),
        ("opt", "dynamic", {}),
        ("t5", "static", {}),
        ("bart", "dynamic", {}),
    ],
    ids=["dynamic", "static", "symmetric mse", "weight only", "7 bits", "per tensor", "mixed", "opt", "t5", "bart"],
)
@pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
def test_schemes_of_config_is_the_inverse(model, approach, settings, format):
    quantized_model = quantized(model, approach, **settings).model
    config = json.loads(json.dumps(quantization_config_of(quantized_model, format)))
    found = schemes_of_config(config, tiny_model(model))
    expected = {name: module.scheme for name, module in quantized_modules(quantized_model).items()}
    assert {name: scheme for name, (scheme, _) in found.items()} == expected


def test_format_is_checked():
    model = quantized("bert").model
    with pytest.raises(ValueError, match="'compressed-tensors', 'inc' or None, got 'onnx'"):
        quantization_config_of(model, "onnx")
    with pytest.raises(ValueError, match="not quantized"):
        quantization_config_of(tiny_model("bert"))


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"quant_method": "inc"},
        {"quant_method": "inc", "format_version": 1},
        {"quant_method": "inc", "format_version": 1, "groups": None},
        {"quant_method": "inc", "format_version": 1, "groups": ["classifier"]},
        {"quant_method": "inc", "format_version": 1, "groups": [{"modules": ["classifier"]}]},
        {"quant_method": "inc", "format_version": 1, "groups": [{"modules": ["classifier"], "scheme": {}}]},
        {
            "quant_method": "inc",
            "format_version": 1,
            "groups": [{"modules": ["classifier"], "scheme": {"weight": {"bits": 8}}}],
        },
        {
            "quant_method": "inc",
            "format_version": 1,
            "groups": [{"modules": ["classifier"], "scheme": {"weight": {"num_bits": 9}}}],
        },
        {
            "quant_method": "inc",
            "format_version": 1,
            "groups": [{"modules": ["classifier"], "scheme": {"weight": {"num_bits": None}}}],
        },
        {
            "quant_method": "inc",
            "format_version": 1,
            "groups": [
                {"modules": ["classifier"], "scheme": {"weight": {}, "activation": {"scale_dtype": "float99"}}},
            ],
        },
        {"quant_method": "compressed-tensors", "format": "int-quantized"},
        {"quant_method": "compressed-tensors", "config_groups": {}},
        {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": None},
        {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {}}},
        {
            "quant_method": "compressed-tensors",
            "format": "int-quantized",
            "config_groups": {"group_0": {"targets": ["Linear"]}},
        },
        {
            "quant_method": "compressed-tensors",
            "format": "int-quantized",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": None}},
        },
        {
            "quant_method": "compressed-tensors",
            "format": "int-quantized",
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8}}},
        },
    ],
    ids=[
        "empty",
        "inc: no version",
        "inc: no groups",
        "inc: groups null",
        "inc: groups of text",
        "inc: no scheme",
        "inc: empty scheme",
        "inc: unknown field",
        "inc: 9 bits",
        "inc: bits null",
        "inc: unknown dtype",
        "ct: no groups",
        "ct: no format",
        "ct: groups null",
        "ct: empty group",
        "ct: no weights",
        "ct: weights null",
        "ct: no strategy",
    ],
)
def test_malformed_config(config):
    with pytest.raises(ValueError, match="quantization_config|bits|strategy|float99"):
        schemes_of_config(config, tiny_model("bert"))


def test_newer_version():
    config = config_of(format="inc") | {"format_version": 3}
    with pytest.raises(ValueError, match="version 3, this inc_hf reads 1 to 2; upgrade"):
        schemes_of_config(config, tiny_model("bert"))


@pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
def test_absent_module(format):
    config = config_of(format=format, op_name_dict={"classifier": {"weight": {"bits": 6}}})
    text = json.dumps(config).replace('"classifier"', '"clasifier"')
    with pytest.raises(ValueError, match="`clasifier`, which the model lacks; did you mean 'classifier'?"):
        schemes_of_config(json.loads(text), tiny_model("bert"))


def test_a_module_that_cannot_be_quantized():
    config = config_of(format="inc")
    config["groups"][0]["modules"].append("bert.encoder.layer.0.output.LayerNorm")
    with pytest.raises(ValueError, match="`bert.encoder.layer.0.output.LayerNorm`"):
        schemes_of_config(config, tiny_model("bert"))
