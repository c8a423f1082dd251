"""`inc-hf info`, in this process."""

import json
import os
import re
import struct
from pathlib import Path

import damaged
import pytest
import torch
from commandline import config_json, error_line
from tiny import quantized, tiny_model
from transformers import AutoModelForSequenceClassification

from inc_hf import mix_precision, ops
from inc_hf.commands.main import main

FLOAT = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}


class TestInfo:
    def info(self, capsys, *arguments: object) -> dict:
        capsys.readouterr()
        assert main(["info", *map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    def test_machine(self, capsys):
        facts = self.info(capsys)
        assert facts["torch"] == torch.__version__
        assert facts["default_weight_bits"] == ops.default_weight_bits()
        assert main(["info"]) == 0
        assert "default weight bits" in capsys.readouterr().out

    @pytest.mark.parametrize("refused", [[], ["amx"]], ids=["nothing", "amx"])
    def test_tiles_that_linux_refuses(self, capsys, monkeypatch, refused):
        if not ops.is_native():
            pytest.skip("no native kernels are in use")
        monkeypatch.setattr(ops, "refused_isas", lambda: refused)
        kernels = self.info(capsys)["kernels"]
        assert kernels.startswith(f"{ops.isa()} (this CPU runs {', '.join(ops.supported_isas())}")
        assert ("amx too, but Linux does not let this process use it" in kernels) is bool(refused)

    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    @pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
    def test_checkpoint(self, capsys, approach, format):
        quantized("bert", approach, reduce_range=True).save_pretrained("out", format=format)
        facts = self.info(capsys, "out")
        assert facts["format"] == format
        assert facts["quantized_modules"] == 11
        words = "7-bit weights, 8-bit dynamic symmetric activations"
        schemes = {"8-bit weights", words}
        schemes |= {words.replace("dynamic symmetric", "static asymmetric")} if approach == "static" else set()
        assert set(facts["schemes"].values()) == schemes
        mixture = "INT8 static, feed-forward per token"
        assert facts["quantized_to"] == (mixture if approach == "static" else "INT8 dynamic")
        assert (mixture in facts["coverage"]) is (approach == "static")
        assert set(facts["elements"]) == {"I8", "F32"}
        assert facts["made_with"].startswith("inc_hf ")
        assert "tuning" not in facts
        assert main(["info", "out"]) == 0
        assert words.partition(",")[0] in capsys.readouterr().out

    def test_weight_only(self, capsys):
        quantized("bert", "weight_only").save_pretrained("out")
        assert set(self.info(capsys, "out")["schemes"].values()) <= {"7-bit weights", "8-bit weights"}

    def test_weights_of_pickle(self, capsys, model_dir):
        """Which this does not look into, and says so, instead of finding nothing in them."""
        model = AutoModelForSequenceClassification.from_pretrained(model_dir)
        model.config.save_pretrained("bin")
        torch.save(model.state_dict(), "bin/pytorch_model.bin")
        facts = self.info(capsys, "bin")
        assert "takes safetensors" in facts["elements"] and "as_fp32" not in facts
        assert facts["weights_on_disk"] == f"{os.path.getsize('bin/pytorch_model.bin') / 1e6:.1f} MB"

    def test_float_checkpoint(self, capsys, model_dir):
        facts = self.info(capsys, model_dir)
        assert facts["format"] == "not quantized"
        assert facts["quantized_modules"] == 0
        assert facts["schemes"] == {}

    @pytest.mark.parametrize("command", ["quantize", "convert"])
    def test_scores(self, capsys, model_dir, labelled, command):
        arguments = ["--task", "text-classification", "--dataset", str(labelled), "--tolerance", "0.5"]
        assert main([command, str(model_dir), "-o", "out", *arguments]) == 0
        tuning = self.info(capsys, "out")["tuning"]
        assert (tuning["metric"], tuning["baseline"]) == ("accuracy", 1.0)
        assert tuning["dataset"] == "dev.tsv (24 samples)"
        card = Path("out/README.md").read_text()
        assert "| accuracy on dev.tsv (24 samples) | 1.0000 |" in card

    @pytest.mark.parametrize("save", [
        lambda model: model.save_pretrained("out"),
        lambda model: quantized(model).save_pretrained("out"),
        lambda model: quantized(model).save_pretrained("out", format="inc"),
        lambda model: mix_precision.fit(model).save_pretrained("out"),
    ], ids=["float", "int8", "inc", "bf16"])  # fmt: skip
    def test_zeros_and_kernels(self, capsys, save):
        model = tiny_model("bert")
        model.bert.pooler.dense.weight.data[:12] = 0
        save(model)
        facts = self.info(capsys, "out")
        pooler = facts["layers"]["bert.pooler.dense"]
        assert pooler["zero_weights"] >= 0.75 and pooler["zero_4x1_blocks"] == 0.75
        assert 0.05 < facts["zeros_in_numbers"]["weights"] < 0.11 and "(bert.pooler.dense)" in facts["zeros"]
        assert sum(facts["kernels_here"].values()) == len(facts["layers"]) == 8
        assert main(["info", "out"]) == 0
        table = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert "kernels here" in table and facts["zeros"] in table and "zeros in numbers" not in table

    def test_bf16(self, capsys):
        mix_precision.fit(tiny_model("bert")).save_pretrained("ours")
        tiny_model("bert").to(torch.bfloat16).save_pretrained("of transformers")
        for directory in ("ours", "of transformers"):
            facts = self.info(capsys, directory)
            assert (facts["format"], facts["quantized_modules"]) == ("bf16", 0)
            assert float(facts["in_bf16"].removesuffix(" %")) > 90
        mix_precision.fit(quantized("bert", op_type_dict={"Embedding": FLOAT})).save_pretrained("both")
        assert self.info(capsys, "both")["format"] == "compressed-tensors and bf16"

    def test_a_method_of_others(self, capsys):
        """Whose layers are unknown: nothing is said of them."""
        tiny_model("bert").save_pretrained("out")
        Path("out/config.json").write_text(
            json.dumps({**config_json(Path("out")), "quantization_config": {"quant_method": "gptq", "bits": 4}})
        )
        facts = self.info(capsys, "out")
        assert facts["format"] == "gptq" and "kernels_here" not in facts

    def test_base_model(self, capsys):
        model = tiny_model("bert")
        model.config.name_or_path = "google-bert/bert-base-uncased"
        quantized(model).save_pretrained("out")
        assert self.info(capsys, "out")["base_model"] == "google-bert/bert-base-uncased"

    def test_shards(self, capsys):
        model = quantized("bert").model
        model.save_pretrained("one")
        model.save_pretrained("many", max_shard_size="3KB")
        assert len(list(Path("many").glob("*.safetensors"))) > 1
        one, many = self.info(capsys, "one"), self.info(capsys, "many")
        assert one["elements"] == many["elements"]
        assert one["quantized_modules"] == many["quantized_modules"]

    def test_inc_config_of_optimum_intel(self, capsys):
        quantized("bert").save_pretrained("out")
        Path("out/inc_config.json").write_text('{"neural_compressor_version": "2.4.1", "quantization": {}}')
        assert "made_with" not in self.info(capsys, "out")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda out: (out / "config.json").unlink(), "out holds no checkpoint: config.json is missing"),
            (lambda out: cut(out / "model.safetensors", 4), "is truncated or not a safetensors file"),
            (lambda out: cut(out / "model.safetensors", 300), "is truncated or not a safetensors file"),
            (lambda out: cut(out / "model.safetensors", -1), "is truncated: it has .* bytes, its header speaks of"),
            (
                lambda out: (out / "model.safetensors").write_bytes(struct.pack("<Q", 4) + b"\xff{}}"),
                "is truncated or",
            ),
            (lambda out: edit_quantization(out, quant_method="inc"), "`quantization_config` .* is malformed"),
            (lambda out: edit_quantization(out, config_groups=None), "`quantization_config` .* is malformed"),
            (lambda out: (out / "config.json").write_text("{"), "config.json"),
        ],
        ids=["no config", "4 bytes", "header cut", "end cut", "no JSON", "no groups", "groups null", "broken config"],
    )
    def test_bad_checkpoint(self, capsys, change, message):
        quantized("bert").save_pretrained("out")
        change(Path("out"))
        capsys.readouterr()
        assert main(["info", "out"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert re.search(message, error_line(captured.err)), captured.err

    def test_optimized(self, capsys):
        """What runs each part after `optimize`, as a table and for programs."""
        quantized("bert").save_pretrained("out")
        found = self.info(capsys, "out", "--optimized")
        assert [part["name"] for part in found["encoders"]] == ["bert"]
        (query,) = [part for part in found["modules"] if part["name"].endswith("query")]
        assert (query["kind"], "INT8 dense" in query["runs_on"]) == ("QLinear", ops.is_native())
        assert main(["info", "out", "--optimized"]) == 0
        table = " ".join(capsys.readouterr().out.split())
        assert "out, optimized" in table and "why not more" in table
        assert main(["info", "--optimized"]) == 2
        assert "give its directory" in error_line(capsys.readouterr().err)

    def test_absent(self, capsys):
        assert main(["info", "absent"]) == 2
        assert "absent holds no checkpoint" in error_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config_list", "config.json cannot be read: .*"),
        ("config_null", "config.json cannot be read: .*"),
        ("config_noise", "not a valid JSON file"),
        ("no_type", "config.json cannot be read: "),
        ("martian", "config.json cannot be read: .*`martian`"),
        ("size_text", "config.json cannot be read: .*hidden_size.*'abc'"),
        ("labels_text", "config.json cannot be read: "),
        ("dtype_absent", "config.json cannot be read: .*float23"),
        ("weights_empty", "is truncated or not a safetensors file"),
        ("weights_noise", "is truncated or not a safetensors file"),
        ("method_list", "config.json cannot be read: "),
        ("method_text", "config.json cannot be read: "),
        ("groups_list", "`quantization_config` .* is malformed"),
        ("bits_null", "`quantization_config` .* is malformed"),
        ("targets_number", "`targets` of `group_0` in the `quantization_config` must be a list"),
        ("header_list", "is truncated or not a safetensors file"),
        ("header_number", "is truncated or not a safetensors file"),
        ("header_bare", "is truncated or not a safetensors file"),
        ("summary_list", "inc_config.json is damaged: "),
        ("summary_bare", "inc_config.json is damaged: .*tuning"),
        ("summary_noise", "inc_config.json is damaged: "),
        ("summary_cut", "inc_config.json is damaged: "),
        ("good_txt", "holds no checkpoint"),
    ],
)
def test_damaged_checkpoints(places, capsys, name, message):
    assert main(["info", str(places[name])]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(message, error_line(captured.err)), captured.err


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict:
    return damaged.build(tmp_path_factory.mktemp("damaged"))


def cut(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])


def edit_quantization(directory: Path, **changes: object) -> None:
    config = config_json(directory)
    config["quantization_config"].update(changes)
    (directory / "config.json").write_text(json.dumps(config))
