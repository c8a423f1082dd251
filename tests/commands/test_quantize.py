"""`inc-hf quantize`, in this process."""

import json
import re
from pathlib import Path

import pytest
import torch
from commandline import config_json, error_line
from safetensors.torch import load_file
from tiny import logits_of, quantized, tiny_model, tiny_tokenizer

from inc_hf import PostTrainingQuantConfig
from inc_hf.commands.main import main
from inc_hf.config import options, set_workspace
from inc_hf.quantize.nn import quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel


class TestQuantize:
    """In this process."""

    def test_missed_goal(self, model_dir, labelled, capsys):
        arguments = ["--task", "text-classification", "--dataset", str(labelled)]
        goal = ["--weight-bits", "2", "--tolerance", "0", "--max-trials", "1"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments, *goal]) == 3
        captured = capsys.readouterr()
        assert "NOT met" in captured.out
        assert "Traceback" not in captured.err
        assert json.loads(Path("out/inc_config.json").read_text())["tuning"]["met_criterion"] is False

    def test_model_as_an_option(self, model_dir):
        assert main(["quantize", "-m", str(model_dir), "-o", "out"]) == 0
        assert len(quantized_modules(OptimizedModel.from_pretrained("out"))) == 11

    def test_for_vllm(self, model_dir):
        assert main(["quantize", str(model_dir), "-o", "out", "--runtime", "vllm"]) == 0
        assert "classifier" in config_json(Path("out"))["quantization_config"]["ignore"]

    def test_static_with_texts(self, model_dir, texts, capsys):
        assert main(["quantize", str(model_dir), "-o", "out", "--approach", "static", "--texts", str(texts)]) == 0
        modules = quantized_modules(OptimizedModel.from_pretrained("out"))
        assert modules["classifier"].scheme.is_static
        summary = json.loads(Path("out/inc_config.json").read_text())
        assert summary["quantization"]["approach"] == "static"
        assert "compressed-tensors" in capsys.readouterr().out

    @pytest.mark.parametrize("observer", ["minmax", "mse"])
    def test_observer(self, model_dir, texts, observer):
        arguments = ["--approach", "static", "--texts", str(texts), "--observer", observer]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        groups = config_json(Path("out"))["quantization_config"]["config_groups"].values()
        found = {group["input_activations"]["observer"] for group in groups if "input_activations" in group}
        assert found == {observer}

    def test_tuned_on_labelled_data(self, model_dir, labelled, capsys):
        arguments = ["--task", "text-classification", "--dataset", str(labelled), "--tolerance", "0.5"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        assert "FP32 score" in (printed := capsys.readouterr().out)
        assert "1.0000" in printed and "accuracy on dev.tsv (24 samples)" in printed
        tuning = json.loads(Path("out/inc_config.json").read_text())["tuning"]
        assert tuning["met_criterion"] is True
        assert tuning["baseline"] == 1.0
        assert "| accuracy on dev.tsv (24 samples) | 1.0000 |" in Path("out/README.md").read_text()

    def test_calibrated_on_labelled_data(self, model_dir, labelled):
        arguments = ["--approach", "static", "--dataset", str(labelled), "--samples", "5"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 0
        assert json.loads(Path("out/inc_config.json").read_text())["quantization"]["dataset_num_samples"] == 5

    @pytest.mark.parametrize(("bits", "method"), [(8, "compressed-tensors"), (5, "compressed-tensors"), (4, "inc")])
    def test_weight_bits(self, model_dir, bits, method):
        assert main(["quantize", str(model_dir), "-o", "out", "--weight-bits", str(bits)]) == 0
        assert config_json(Path("out"))["quantization_config"]["quant_method"] == method
        assert quantized_modules(OptimizedModel.from_pretrained("out"))["classifier"].scheme.weight.num_bits == bits

    def test_layer_wise(self, model_dir, texts):
        common = ["quantize", str(model_dir), "--approach", "static", "--texts", str(texts)]
        assert main([*common, "-o", "whole"]) == main([*common, "-o", "layers", "--layer-wise"]) == 0
        whole, layers = (
            {key: value for file in Path(d).glob("*.safetensors") for key, value in load_file(file).items()}
            for d in ("whole", "layers")
        )
        assert whole.keys() == layers.keys() and all(torch.equal(value, layers[key]) for key, value in whole.items())
        assert (Path("layers") / "tokenizer.json").is_file()

    def test_keep_fp32(self, model_dir):
        assert main(["quantize", str(model_dir), "-o", "out", "--keep-fp32", "classifier", "bert.embeddings.*"]) == 0
        assert set(quantized_modules(OptimizedModel.from_pretrained("out"))).isdisjoint(
            {"classifier", "bert.embeddings.word_embeddings"}
        )

    def test_overwrite(self, model_dir, capsys):
        Path("out").mkdir()
        Path("out/notes.txt").write_text("mine")
        assert main(["quantize", str(model_dir), "-o", "out"]) == 2
        assert "out is not empty" in error_line(capsys.readouterr().err)
        assert [p.name for p in Path("out").iterdir()] == ["notes.txt"]
        assert main(["quantize", str(model_dir), "-o", "out", "--overwrite"]) == 0
        assert Path("out/notes.txt").read_text() == "mine"
        assert Path("out/model.safetensors").exists()

    @pytest.mark.parametrize("model", ["bert", "vit"])
    def test_model_without_a_tokenizer(self, model):
        tiny_model(model).save_pretrained("model")
        assert main(["quantize", "model", "-o", "out"]) == 0
        assert not list(Path("out").glob("tokenizer*"))
        assert torch.equal(logits_of(OptimizedModel.from_pretrained("out")), logits_of(quantized(model).model))

    def test_same_bytes_every_time(self, model_dir, texts):
        for out in ("first", "second"):
            assert main(["quantize", str(model_dir), "-o", out, "--approach", "static", "--texts", str(texts)]) == 0
        for name in ("config.json", "model.safetensors", "inc_config.json", "README.md"):
            assert Path("first", name).read_bytes() == Path("second", name).read_bytes()

    def test_config_file(self, model_dir):
        PostTrainingQuantConfig(approach="weight_only", op_name_dict={"classifier": {"weight": {"bits": 5}}}).save("c")
        assert main(["quantize", str(model_dir), "-o", "out", "--config", "c"]) == 0
        scheme = quantized_modules(OptimizedModel.from_pretrained("out"))["classifier"].scheme
        assert scheme.activation is None
        assert scheme.weight.num_bits == 5


class TestBadInput:
    """Exit code 2, one line on stderr, nothing written."""

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "Which model\\? .*inc-hf quantize MODEL -o DIR"),
            (["{model}", "--approach", "fast"], "--approach: it takes one of static, dynamic.*'fast'"),
            (["{model}", "--approach", "static"], "--texts FILE or --dataset"),
            (["{model}", "--approach", "static", "--texts", "absent.txt"], "No such file.*absent.txt"),
            (
                ["{model}", "--approach", "static", "--texts", "{empty}"],
                "empty.txt has no text; put one sentence on each line",
            ),
            (["{model}", "--config", "absent.json"], "No such file.*absent.json"),
            (["{model}", "--config", "{broken}"], "broken.json"),
            (["{model}", "--weight-bits", "9"], "9"),
            (["{model}", "--weight-bits", "0"], "0"),
            (["{model}", "--weight-bits", "1"], "--weight-bits: it takes a whole number from 2 to 8, got '1'"),
            (["{model}", "--samples", "0"], "--samples: it takes a whole number of at least 1"),
            (["{model}", "--tolerance", "-1"], "--tolerance: it takes a number of at least 0"),
            (["{model}", "--max-trials", "0"], "--max-trials: it takes a whole number of at least 1"),
            (["{model}", "--tolerance", "0.1"], "--tolerance needs --task and --dataset, too"),
            (["{model}", "--task", "fill-mask", "--metric", "cola"], "--metric needs --dataset"),
            (["{model}", "--keep-fp32", "clasifier"], "did you mean 'classifier'"),
            (["{model}", "--keep-fp32", "("], "--keep-fp32: it takes a valid regular expression, got '\\('"),
            (["{model}", "--observer", "best", "--approach", "static", "--texts", "{texts}"], "'best'"),
            (["{model}", "--task", "sentiment"], "Unknown task 'sentiment'; choose one of audio-classification"),
            (
                ["{model}", "--format", "compressed-tensors", "--weight-bits", "4"],
                "compressed-tensors has weights of 5 to 8 bits here",
            ),
            (["nowhere", "--format", "inc", "--runtime", "vllm"], "leave out --format inc"),
            (["{model}", "--runtime", "vllm", "--weight-bits", "4"], "vLLM cannot run this"),
            (["{quantized}"], "already quantized|compressed-tensors"),
            (["{truncated}"], "header|truncated|incomplete"),
            (["{float}"], "nothing"),
        ],
        ids=[
            "no model",
            "approach",
            "static without data",
            "absent texts",
            "empty texts",
            "absent config",
            "broken config",
            "9 bits",
            "0 bits",
            "1 bit",
            "no samples",
            "negative tolerance",
            "no trials",
            "goal without data",
            "metric without data",
            "misspelt module",
            "bad pattern",
            "observer",
            "task",
            "format",
            "format that vllm does not read",
            "bits that vllm does not run",
            "quantized model",
            "truncated model",
            "not a model",
        ],
    )
    def test_quantize(self, model_dir, texts, tmp_path_factory, capsys, arguments, message):
        inputs = tmp_path_factory.mktemp("inputs")
        (inputs / "empty.txt").write_text("\n  \n")
        (inputs / "broken.json").write_text('{"approach": ')
        (inputs / "nothing").mkdir()
        places = {
            "model": model_dir,
            "texts": texts,
            "empty": inputs / "empty.txt",
            "broken": inputs / "broken.json",
            "float": inputs / "nothing",
            "quantized": inputs / "quantized",
            "truncated": inputs / "truncated",
        }
        if "{quantized}" in arguments:
            quantized("bert").save_pretrained(places["quantized"], tiny_tokenizer(), format="inc")
        if "{truncated}" in arguments:
            tiny_model("bert").save_pretrained(places["truncated"])
            tiny_tokenizer().save_pretrained(places["truncated"])
            weights = places["truncated"] / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:5000])
        arguments = [argument.format(**places) for argument in arguments]
        assert main(["quantize", *arguments, "-o", "out"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        line = error_line(captured.err)
        assert re.search(message, line)
        assert not Path("out").exists()

    def test_output_is_a_file(self, model_dir, capsys):
        Path("out").write_text("")
        assert main(["quantize", str(model_dir), "-o", "out", "--overwrite"]) == 2
        assert "out is a file" in error_line(capsys.readouterr().err)

    def test_unlabelled_data_for_a_task(self, model_dir, capsys):
        Path("dev.csv").write_text("sentence\nthe film\n")
        arguments = ["--task", "text-classification", "--dataset", "dev.csv"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 2
        assert "Evaluation needs labels" in error_line(capsys.readouterr().err)
        assert not Path("out").exists()

    def test_calibration_data_that_the_model_does_not_take(self, texts, capsys):
        tiny_model("t5").save_pretrained("t5")
        tiny_tokenizer().save_pretrained("t5")
        assert main(["quantize", "t5", "-o", "out", "--approach", "static", "--texts", str(texts)]) == 2
        assert "t5 reads a text and writes another, and --texts has no answers" in error_line(capsys.readouterr().err)

    def test_negative_seed_for_the_data(self, model_dir, labelled, capsys):
        arguments = ["--approach", "static", "--dataset", str(labelled), "--seed", "-1"]
        assert main(["quantize", str(model_dir), "-o", "out", *arguments]) == 2
        assert "--seed: it takes a whole number from 0" in error_line(capsys.readouterr().err)


class TestDeployFile:
    """`--config` with what a search has written."""

    @pytest.fixture
    def searched(self, model_dir, labelled):
        arguments = ["--approach", "static", "--task", "text-classification", "--dataset", str(labelled)]
        goal = ["--samples", "9", "--batch-size", "4", "--seed", "7", "--tolerance", "0.5", "--workspace", "ws"]
        before = options.workspace
        assert main(["quantize", str(model_dir), "-o", "found", *arguments, *goal]) == 0
        yield ["--dataset", str(labelled), "--task", "text-classification"]
        set_workspace(before)  # "ws" would be a folder of whichever directory a later test works in

    def test_the_same_files(self, model_dir, searched, capsys):
        for out, *config in (
            ("best", "ws/deploy.json"),
            ("saved", "found/deploy.json"),
            ("first", "ws/deploy.json", "--trial", "1"),
        ):
            assert main(["quantize", str(model_dir), "-o", out, *searched, "--config", *config]) == 0
            for name in ("config.json", "model.safetensors"):
                assert Path(out, name).read_bytes() == Path("found", name).read_bytes()
        assert "not that of the deploy file" not in capsys.readouterr().out

    def test_wrong_uses(self, model_dir, searched, texts, capsys):
        Path("newer.json").write_text('{"deploy_version": 9}')
        tiny_model("bert", num_hidden_layers=2).save_pretrained("other")
        best = ["--config", "ws/deploy.json", "--texts", str(texts)]
        for model, arguments, message in (
            (model_dir, best[:2], "is of a model with calibration: give --texts FILE or --dataset"),
            (model_dir, [*best, "--approach", "static"], "--approach has no place beside ws/deploy"),
            (model_dir, [*best, "--keep-fp32", "classifier"], "--keep-fp32 has no place"),
            (model_dir, [*best, "--trial", "9"], "ws/history.json has 1 trials"),
            (model_dir, ["--config", "newer.json"], "newer.json is no deploy file: it has version 9"),
            (model_dir, ["--config", "ws/history.json"], "has no field 'version'"),
            (model_dir, ["--trial", "1"], "--trial is of the deploy.json of a workspace"),
            ("other", best, "of another model: it says nothing of `bert.encoder.layer.1"),
        ):
            assert main(["quantize", str(model), "-o", "out", *arguments]) == 2
            assert message in error_line(capsys.readouterr().err)
        assert not Path("out").exists()
