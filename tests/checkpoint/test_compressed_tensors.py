"""Configs of compressed-tensors that others wrote."""

import contextlib
import copy
import time

import pytest
import torch
from tiny import tiny_model
from torch import nn

from inc_hf.checkpoint import CheckpointError
from inc_hf.checkpoint.compressed_tensors import from_compressed_tensors
from inc_hf.checkpoint.describe import schemes_of_config
from inc_hf.quantize import ActivationScheme, Scheme, WeightScheme

WEIGHTS = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel", "dynamic": False}
PER_TOKEN = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
PER_TENSOR = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "tensor", "dynamic": False}


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

    @pytest.mark.parametrize("pattern", ["(a|aa|b|bert|e|[a-z.0-9])+$!", "(.*)*X", ".*.*.*.*.*.*.*.*.*!"])
    @pytest.mark.parametrize("place", ["targets", "ignore"])
    def test_a_pattern_that_would_take_for_ever(self, pattern, place):
        config = foreign_config()
        if place == "targets":
            config["config_groups"]["group_0"]["targets"] = [f"re:{pattern}"]
        else:
            config["ignore"] = [f"re:{pattern}"]
        begin = time.perf_counter()
        with contextlib.suppress(CheckpointError):  # some are harmless to this engine
            self.schemes(config)
        assert time.perf_counter() - begin < 5

    def test_a_malformed_pattern(self):
        with pytest.raises(CheckpointError, match="malformed"):
            self.schemes({**foreign_config(), "ignore": ["re:("]})

    def test_our_own_word_for_that_precision(self):
        found = self.schemes(with_group("input_activations", observer_kwargs={"scale_dtype": "bfloat16"}))
        assert {scheme.activation.scale_dtype for scheme in found.values()} == {"bfloat16"}

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
            (foreign_config(ignore="lm_head"), "`ignore` .* must be a list of names, got 'lm_head'"),
            (foreign_config(ignore=[3]), "`ignore` .* must be a list of names"),
            (foreign_config(format="pack-quantized"), "'pack-quantized' is not supported"),
            (foreign_config(format="mixed-precision"), "'mixed-precision' is not supported"),
            (with_group("weights", type="float"), "only integer weights"),
            (with_group("weights", symmetric=False, strategy="tensor"), "per tensor are symmetric"),
            (with_group("weights", strategy="group", group_size=7), "inputs, the checkpoint has groups of 7"),
            (with_group("weights", strategy="block"), "per channel, group or tensor"),
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
            "a text to ignore",
            "a number to ignore",
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


def test_reading_needs_no_weights():
    with torch.device("meta"):
        model = tiny_model("bert")
    assert from_compressed_tensors(foreign_config(ignore=[]), model)
