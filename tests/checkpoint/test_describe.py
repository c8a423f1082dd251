"""`quantization_config` from a quantized model and back."""

import copy
import json

import pytest
import torch
from tiny import quantized, tiny_model
from torch import nn

from inc_hf.checkpoint.compressed_tensors import NotExpressibleError, from_compressed_tensors
from inc_hf.checkpoint.describe import quantization_config_of, schemes_of_config
from inc_hf.quantize import ActivationScheme, Scheme, WeightScheme
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


def foreign_config(**changes) -> dict:
    """A config of compressed-tensors as llm-compressor writes it, with all the keys that it has."""
    args = {"block_structure": None, "group_size": None, "actorder": None, "observer_kwargs": {}}
    weights = {**args, **WEIGHTS, "observer": "memoryless_minmax"}
    inputs = {**args, **PER_TOKEN, "observer": None}
    group = {"targets": ["Linear"], "weights": weights, "input_activations": inputs, "output_activations": None}
    group["format"] = "int-quantized"
    return {
        "config_groups": {"group_0": group},
        "format": "int-quantized",
        "global_compression_ratio": None,
        "ignore": ["lm_head"],
        "kv_cache_scheme": None,
        "quant_method": "compressed-tensors",
        "quantization_status": "compressed",
        "sparsity_config": {},
        "transform_config": {},
        "version": "0.14.0",
        **changes,
    }


def with_group(section: str, **changes) -> dict:
    config = foreign_config()
    config["config_groups"]["group_0"][section].update(changes)
    return config


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
            "scale_dtype": "torch.bfloat16",
            **words,
        }

    def test_the_rarer_scheme_has_names_for_targets(self):
        name = f"{LAYER}.output.dense"
        groups = groups_by_target(
            config_of(approach="static", reduce_range=False, op_name_dict={name: {"weight": {"bits": 7}}})
        )
        assert {target: group["weights"]["num_bits"] for target, group in groups.items()} == {
            "Linear": 8,
            "Embedding": 8,
            name: 7,
        }

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
        config = config_of(model, format="compressed-tensors", op_type_dict={"Conv2d|Conv1D": FP32})
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


class TestForeignConfig:
    """Configs of compressed-tensors that others wrote."""

    W8A8 = Scheme(WeightScheme(8, True), ActivationScheme(8, True, True, scale_dtype="float32"))

    def schemes(self, config: dict, model: str = "opt") -> dict[str, Scheme]:
        return {name: scheme for name, (scheme, _) in schemes_of_config(config, tiny_model(model)).items()}

    def linears(self, model: str = "opt") -> set[str]:
        return {name for name, module in tiny_model(model).named_modules() if isinstance(module, nn.Linear)}

    def test_class_target_and_ignored_head(self):
        found = self.schemes(foreign_config())
        assert found.keys() == self.linears() - {"lm_head"}
        assert set(found.values()) == {self.W8A8}

    @pytest.mark.parametrize(
        ("targets", "ignore", "expected"),
        [
            (["re:.*fc1$"], [], {"fc1"}),
            (
                ["re:.*self_attn\\..*_proj", "re:.*fc[12]"],
                [],
                {"fc1", "fc2", "q_proj", "k_proj", "v_proj", "out_proj"},
            ),
            (["Linear"], ["re:.*lm_head", "re:.*self_attn.*"], {"fc1", "fc2"}),
            (["Linear"], ["lm_head", "re:.*layers\\.0\\..*"], set()),
            (["re:fc1"], [], set()),  # matched from the start of the name, as compressed-tensors does
            (["Linear"], ["Linear"], set()),
            (["Linear"], None, {"fc1", "fc2", "q_proj", "k_proj", "v_proj", "out_proj", "lm_head"}),
            (["Linear", "Embedding"], ["re:.*_proj", "re:.*fc.", "lm_head"], {"embed_tokens"}),
        ],
        ids=["regex", "regexes", "ignored regex", "ignored layer", "prefix", "ignored class", "no list", "embedding"],
    )
    def test_targets_and_ignores(self, targets, ignore, expected):
        config = foreign_config(ignore=ignore)
        config["config_groups"]["group_0"]["targets"] = targets
        assert {name.rpartition(".")[2] for name in self.schemes(config)} == expected

    def test_a_name_beats_a_regex_beats_a_class(self):
        config = foreign_config()
        group = config["config_groups"]["group_0"]
        for index, (target, bits) in enumerate({"Linear": 8, "re:.*fc.*": 7, "model.decoder.layers.0.fc2": 6}.items()):
            config["config_groups"][f"group_{index}"] = copy.deepcopy(group) | {"targets": [target]}
            config["config_groups"][f"group_{index}"]["weights"]["num_bits"] = bits
        bits = {name.rpartition(".")[2]: scheme.weight.num_bits for name, scheme in self.schemes(config).items()}
        assert bits == {"q_proj": 8, "k_proj": 8, "v_proj": 8, "out_proj": 8, "fc1": 7, "fc2": 6}

    @pytest.mark.parametrize(
        "targets",
        [
            ["Linear"],
            ["re:.*fc1", "Linear"],
            ["Linear", "re:.*fc.*", "re:.*fc1", "model.decoder.layers.0.fc2"],
            ["re:.*layers.*", "re:.*fc.*"],
            ["Embedding", "re:.*self_attn.*"],
        ],
        ids=["class", "one regex", "all kinds", "two regexes", "embedding"],
    )
    @pytest.mark.parametrize("ignore", [[], ["lm_head"], ["re:.*q_proj", "Embedding"]], ids=["none", "head", "regex"])
    def test_same_modules_as_compressed_tensors(self, targets, ignore):
        quantization = pytest.importorskip("compressed_tensors.quantization")
        config = foreign_config(ignore=ignore)
        group = config["config_groups"].pop("group_0")
        for index, target in enumerate(targets):
            config["config_groups"][f"group_{index}"] = copy.deepcopy(group) | {"targets": [target]}
            config["config_groups"][f"group_{index}"]["weights"]["num_bits"] = 8 - index
            if target == "Embedding":
                config["config_groups"][f"group_{index}"]["input_activations"] = None
        theirs = tiny_model("opt")
        known = {key: config[key] for key in ("config_groups", "format", "ignore", "quant_method")}
        quantization.apply_quantization_config(theirs, quantization.QuantizationConfig(**copy.deepcopy(known)))
        # OPT's positional embedding has a forward of its own, which we leave in float
        expected = {
            name: module.quantization_scheme.weights.num_bits
            for name, module in theirs.named_modules()
            if getattr(module, "quantization_scheme", None) is not None and not name.endswith("embed_positions")
        }
        found = {name: scheme.weight.num_bits for name, scheme in self.schemes(config).items()}
        assert found == expected

    @pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])
    def test_static_inputs(self, symmetric):
        config = foreign_config()
        config["config_groups"]["group_0"]["input_activations"] = {**PER_TENSOR, "symmetric": symmetric}
        activation = ActivationScheme(8, dynamic=False, symmetric=symmetric)
        assert set(self.schemes(config).values()) == {Scheme(WeightScheme(8), activation)}

    def test_weights_only(self):
        config = foreign_config()
        config["config_groups"]["group_0"]["input_activations"] = None
        assert set(self.schemes(config).values()) == {Scheme(WeightScheme(8))}

    @pytest.mark.parametrize(
        ("scale_dtype", "expected"),
        [
            ("torch.bfloat16", "bfloat16"),
            ("torch.float32", "float32"),
            ("torch.float16", "float16"),
            (None, "float32"),
        ],
    )
    def test_precision_of_dynamic_scales(self, scale_dtype, expected):
        found = self.schemes(with_group("input_activations", scale_dtype=scale_dtype))
        assert {scheme.activation.scale_dtype for scheme in found.values()} == {expected}

    @pytest.mark.parametrize("missing", ["type", "symmetric", "dynamic"])
    @pytest.mark.parametrize("section", ["weights", "input_activations"])
    def test_keys_with_defaults_may_be_missing(self, section, missing):
        config = foreign_config()
        if (section, missing) == ("input_activations", "dynamic"):
            config["config_groups"]["group_0"]["input_activations"] = dict(PER_TENSOR)
        del config["config_groups"]["group_0"][section][missing]
        static = ActivationScheme(8, dynamic=False)
        is_static = (section, missing) == ("input_activations", "dynamic")
        assert set(self.schemes(config).values()) == {Scheme(WeightScheme(8), static) if is_static else self.W8A8}

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            (foreign_config(format="pack-quantized"), "'pack-quantized' is not supported"),
            (foreign_config(format="mixed-precision"), "'mixed-precision' is not supported"),
            (with_group("weights", type="float"), "symmetric integer weights"),
            (with_group("weights", symmetric=False), "symmetric integer weights"),
            (with_group("weights", strategy="group", group_size=8), "per channel or per tensor"),
            (with_group("weights", strategy="block"), "per channel or per tensor"),
            (with_group("weights", num_bits=16), "16"),
            (with_group("weights", num_bits=1), "1"),
            (with_group("weights", num_bits="8"), "'8'"),
            (with_group("input_activations", type="float"), "integer"),
            (with_group("input_activations", symmetric=False), "dynamic activations must be symmetric"),
            (with_group("input_activations", strategy="tensor"), "dynamic activations must be .* per token"),
            (with_group("input_activations", strategy="group", group_size=8), "per token"),
            (with_group("input_activations", strategy="tensor_group", dynamic="local"), "per token"),
            (with_group("input_activations", dynamic=False), "per tensor"),
            (with_group("input_activations", num_bits=16), "16"),
            (with_group("input_activations", scale_dtype="torch.int8"), "int8"),
            (foreign_config(transform_config={"config_groups": {"R1": {}}}), "transform_config"),
        ],
        ids=[
            "packed",
            "mixed formats",
            "float weights",
            "asymmetric weights",
            "weight groups",
            "weight blocks",
            "16-bit weights",
            "1-bit weights",
            "bits as text",
            "float inputs",
            "asymmetric dynamic inputs",
            "inputs per tensor",
            "input groups",
            "local inputs",
            "static per token",
            "16-bit inputs",
            "integer scales",
            "rotations",
        ],
    )
    def test_what_we_cannot_run_is_refused(self, config, message):
        with pytest.raises(ValueError, match=message):
            schemes_of_config(config, tiny_model("opt"))

    def test_output_activations_are_refused(self):
        config = foreign_config()
        config["config_groups"]["group_0"]["output_activations"] = dict(PER_TENSOR)
        with pytest.raises(ValueError, match="input activations"):
            schemes_of_config(config, tiny_model("opt"))

    @pytest.mark.parametrize("format", [None, "int-quantized"])
    def test_a_group_need_not_name_its_format(self, format):
        config = foreign_config()
        config["config_groups"]["group_0"]["format"] = format
        assert set(self.schemes(config).values()) == {self.W8A8}

    def test_a_group_of_another_format_is_refused(self):
        config = foreign_config()
        config["config_groups"]["group_0"]["format"] = "pack-quantized"
        with pytest.raises(ValueError, match="'pack-quantized' is not supported"):
            schemes_of_config(config, tiny_model("opt"))


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
    config = config_of(format="inc") | {"format_version": 2}
    with pytest.raises(ValueError, match="version 2, this inc_hf reads 1; upgrade"):
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


def test_reading_needs_no_weights():
    with torch.device("meta"):
        model = tiny_model("bert")
    assert from_compressed_tensors(foreign_config(ignore=[]), model)
