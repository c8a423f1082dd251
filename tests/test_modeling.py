"""Save and load: the same model comes back, by this package or, where the format allows, by stock transformers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors import safe_open
from tiny import logits_of, offline_environment, quantized, tiny_inputs, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification

import inc_hf
from inc_hf import IncModel, IncModelForCausalLM, IncModelForSequenceClassification, optimize
from inc_hf.checkpoint import CheckpointError
from inc_hf.models.tasks import auto_class_of
from inc_hf.quantize.nn import QEmbedding, QModule, quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel, save_for_huggingface_upstream

FORMATS = ["compressed-tensors", "inc"]
FP32 = {"weight": {"dtype": "fp32"}}
INT4 = {"op_type_dict": {".*": {"weight": {"bits": 4}}}}
# model -> its output layer and the embeddings that share its weight
TIED = {
    "gpt2": ["lm_head", "transformer.wte"],
    "opt": ["lm_head", "model.decoder.embed_tokens"],
    "t5": ["lm_head", "shared", "encoder.embed_tokens", "decoder.embed_tokens"],
    "bart": ["lm_head", "model.shared", "model.encoder.embed_tokens", "model.decoder.embed_tokens"],
}


def stored_tensors(directory: Path) -> dict[str, tuple[str, list[int]]]:
    """Name -> dtype and shape of all tensors on disk."""
    found = {}
    for path in directory.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - not a mapping
                part = file.get_slice(name)
                found[name] = part.get_dtype(), part.get_shape()
    return found


def stored_dtypes(directory: Path, modules: list[str]) -> list[str]:
    """The dtype on disk of each weight of the modules, which is less than one each where weights are tied."""
    stored = stored_tensors(directory)
    return [stored[f"{name}.weight"][0] for name in modules if f"{name}.weight" in stored]


def address_of(module: torch.nn.Module) -> int:
    weight = module.codes if isinstance(module, QModule) else module.weight
    return weight.data_ptr()


def method_of(directory: Path) -> str:
    return json.loads((directory / "config.json").read_text())["quantization_config"]["quant_method"]


def same_state(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


class TestRoundTrip:
    @pytest.mark.parametrize(
        ("model", "approach", "settings"),
        [
            ("bert", "dynamic", {}),
            ("bert", "static", {}),
            ("bert", "static", {"op_type_dict": {"Linear": {"activation": {"scheme": "sym"}}}}),
            ("bert", "weight_only", {}),
            ("bert", "dynamic", {"op_type_dict": {"Linear": {"weight": {"granularity": "per_tensor"}}}}),
            ("bert", "static", {"op_name_dict": {"classifier": FP32, "bert.embeddings.*": FP32}}),
            ("opt", "dynamic", {}),
            ("t5", "static", {}),
            ("bart", "dynamic", {}),
        ],
        ids=["dynamic", "static", "symmetric", "weight only", "per tensor", "float parts", "opt", "t5", "bart"],
    )
    @pytest.mark.parametrize("format", FORMATS)
    def test_bit_equal(self, tmp_path, model, approach, settings, format):
        result = quantized(model, approach, **settings)
        result.save_pretrained(tmp_path / "out", format=format)
        assert method_of(tmp_path / "out") == format
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert type(loaded) is type(result.model)
        assert not loaded.training
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize(
        ("model", "settings"),
        [("gpt2", {}), ("vit", {}), ("bert", INT4), ("gpt2", INT4), ("vit", INT4)],
        ids=["gpt2", "vit", "bert 4 bits", "gpt2 4 bits", "vit 4 bits"],
    )
    @pytest.mark.parametrize("approach", ["dynamic", "static", "weight_only"])
    def test_what_only_inc_can_express(self, tmp_path, model, approach, settings):
        result = quantized(model, approach, **settings)
        result.save_pretrained(tmp_path / "out")
        assert method_of(tmp_path / "out") == "inc"
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", ["bert", "gpt2"])
    def test_smoothed(self, tmp_path, model):
        result = quantized(model, "static", recipes={"smooth_quant": True})
        result.save_pretrained(tmp_path / "out")
        assert method_of(tmp_path / "out") == "inc"
        assert any(name.endswith(".smooth_scale") for name in stored_tensors(tmp_path / "out"))
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    def test_four_bits_take_half_a_byte(self, tmp_path):
        quantized("bert", **INT4).save_pretrained(tmp_path / "out")
        assert stored_tensors(tmp_path / "out")["bert.pooler.dense.weight"] == ("U8", [16, 8, 1])

    def test_a_refused_format_leaves_the_directory_alone(self, tmp_path):
        result = quantized("gpt2")
        with pytest.raises(ValueError, match="`transformer.h.0.attn.c_attn` is a transformers.Conv1D"):
            result.save_pretrained(tmp_path / "out", format="compressed-tensors")
        assert list(tmp_path.iterdir()) == []
        result.save_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(OptimizedModel.from_pretrained(tmp_path / "out")), logits_of(result.model))

    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    @pytest.mark.parametrize("format", FORMATS)
    def test_bfloat16(self, tmp_path, approach, format):
        result = quantized(tiny_model("bert").to(torch.bfloat16), approach)
        assert logits_of(result.model).dtype == torch.bfloat16
        result.save_pretrained(tmp_path / "out", format=format)
        stored = stored_tensors(tmp_path / "out")
        assert {dtype for name, (dtype, _) in stored.items() if name.endswith("_scale")} == {"F32"}
        assert stored["bert.pooler.dense.bias"][0] == "BF16"
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert loaded.dtype == torch.bfloat16
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("format", FORMATS)
    def test_sharded(self, tmp_path, format):
        result = quantized("bart")
        result.save_pretrained(tmp_path / "one", format=format)
        loaded = OptimizedModel.from_pretrained(tmp_path / "one")
        loaded.save_pretrained(tmp_path / "many", max_shard_size="5KB")
        assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 2
        assert stored_tensors(tmp_path / "many") == stored_tensors(tmp_path / "one")
        assert torch.equal(logits_of(OptimizedModel.from_pretrained(tmp_path / "many")), logits_of(result.model))

    @pytest.mark.parametrize("model", ["bert", "t5"])
    @pytest.mark.parametrize("format", FORMATS)
    def test_saving_again_gives_the_same_bytes(self, tmp_path, model, format):
        quantized(model, "static").save_pretrained(tmp_path / "first", format=format)
        OptimizedModel.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
        for name in ("config.json", "model.safetensors"):
            assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()

    def test_saving_in_one_format_then_the_other(self, tmp_path):
        result = quantized("bert", "static")
        for format in ("inc", "compressed-tensors", "inc"):
            result.save_pretrained(tmp_path / "out", format=format, overwrite=True)
            assert method_of(tmp_path / "out") == format
            loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
            assert torch.equal(logits_of(loaded), logits_of(result.model))


class TestTiedWeights:
    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    @pytest.mark.parametrize("model", TIED)
    def test_one_tensor_on_disk_and_in_memory(self, tmp_path, model, approach):
        result = quantized(tiny_model(model, tie_word_embeddings=True), approach)
        result.save_pretrained(tmp_path / "out")
        assert stored_dtypes(tmp_path / "out", TIED[model]) == ["I8"]
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 1
        assert same_state(loaded, result.model)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("part", ["head", "embeddings", "all"])
    @pytest.mark.parametrize("model", TIED)
    def test_kept_in_float(self, tmp_path, model, part):
        head, *embeddings = TIED[model]
        names = {"head": [head], "embeddings": embeddings, "all": TIED[model]}[part]
        result = quantized(tiny_model(model, tie_word_embeddings=True), op_name_dict={"|".join(names): FP32})
        result.save_pretrained(tmp_path / "out")
        assert stored_dtypes(tmp_path / "out", TIED[model]) == ["F32"], "what is tied stays together"
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert type(loaded.lm_head) is torch.nn.Linear
        assert torch.equal(loaded.lm_head.weight, tiny_model(model, tie_word_embeddings=True).lm_head.weight)
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 1
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", ["gpt2", "opt"])
    def test_untied(self, tmp_path, model):
        result = quantized(tiny_model(model, tie_word_embeddings=False))
        result.save_pretrained(tmp_path / "out")
        assert stored_dtypes(tmp_path / "out", TIED[model]) == ["I8", "I8"]
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 2
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", ["gpt2", "opt"])
    def test_untied_with_a_head_in_float(self, tmp_path, model):
        result = quantized(tiny_model(model, tie_word_embeddings=False), op_name_dict={"lm_head": FP32})
        result.save_pretrained(tmp_path / "out")
        assert sorted(stored_dtypes(tmp_path / "out", TIED[model])) == ["F32", "I8"]
        loaded = OptimizedModel.from_pretrained(tmp_path / "out")
        assert type(loaded.lm_head) is torch.nn.Linear
        assert isinstance(loaded.get_submodule(TIED[model][1]), QEmbedding)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    @pytest.mark.parametrize("model", TIED)
    def test_resaved(self, tmp_path, model):
        quantized(tiny_model(model, tie_word_embeddings=True)).save_pretrained(tmp_path / "first")
        OptimizedModel.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
        assert stored_tensors(tmp_path / "first") == stored_tensors(tmp_path / "second")


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


def run_python(code: str, *arguments: str, cwd: Path | None = None) -> str:
    """Standard output of `code` in a fresh interpreter."""
    command = [sys.executable, "-c", code, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, env=offline_environment(), cwd=cwd)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


@pytest.fixture(scope="module")
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
        result = quantized(model, approach)
        found[key] = result.save_pretrained(root / key.replace(" ", "-"), format=format)
        torch.save(tiny_inputs(result.model), found[key] / "inputs.pt")
        torch.save(logits_of(result.model), found[key] / "logits.pt")
    result = quantized("bert", **INT4)
    found["bert 4-bit inc"] = result.save_pretrained(root / "bert-4")
    torch.save(tiny_inputs(result.model), found["bert 4-bit inc"] / "inputs.pt")
    torch.save(logits_of(result.model), found["bert 4-bit inc"] / "logits.pt")
    return found


@pytest.fixture(scope="module")
def stock_results(checkpoints) -> dict[str, list]:
    """What came of loading each checkpoint in a process that never imports inc_hf."""
    pytest.importorskip("compressed_tensors")
    report = json.loads(run_python(STOCK, *map(str, checkpoints.values())).splitlines()[-1])
    assert not report["has_inc_hf"]
    return {key: report["results"][str(directory)] for key, directory in checkpoints.items()}


class TestStockTransformers:
    """Without `import inc_hf`, in a fresh process."""

    @pytest.mark.parametrize("key", ["bert dynamic", "bert static", "bert weight_only", "opt dynamic", "t5 dynamic"])
    def test_computes_the_same_from_compressed_tensors(self, stock_results, checkpoints, key):
        key = f"{key} compressed-tensors"
        assert stock_results[key][0] == "loaded", stock_results[key]
        logits, stock = (torch.load(checkpoints[key] / name) for name in ("logits.pt", "stock.pt"))
        # Stock multiplies floats: in their last bit an activation between two integers may go to the other one, after
        # which a whole row differs by a step of the quantization.
        difference = (stock - logits).abs()
        assert (difference <= 1e-5).float().mean() > 0.5
        assert difference.max() < 0.02 * logits.abs().max()

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


class TestOptimize:
    @pytest.fixture(autouse=True)
    def _needs_compressed_tensors(self):
        pytest.importorskip("compressed_tensors")

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("key", ["bert dynamic", "bert static", "bert weight_only", "opt dynamic", "t5 dynamic"])
    def test_around_the_first_forward(self, checkpoints, key, when):
        directory = checkpoints[f"{key} compressed-tensors"]
        inputs, logits = torch.load(directory / "inputs.pt"), torch.load(directory / "logits.pt")
        model = auto_class_of(directory).from_pretrained(directory)
        if when == "after":
            logits_of(model, inputs)
        assert optimize(model) is model
        assert torch.equal(logits_of(model, inputs), logits)
        assert same_state(model, OptimizedModel.from_pretrained(directory))

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_saved_again(self, checkpoints, tmp_path, when):
        directory = checkpoints["bert static compressed-tensors"]
        model = BertForSequenceClassification.from_pretrained(directory)
        if when == "after":
            logits_of(model)
        optimize(model).save_pretrained(tmp_path / "out")
        assert (tmp_path / "out" / "model.safetensors").read_bytes() == (directory / "model.safetensors").read_bytes()
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(loaded), torch.load(directory / "logits.pt"))

    def test_twice(self, checkpoints):
        model = BertForSequenceClassification.from_pretrained(checkpoints["bert dynamic compressed-tensors"])
        modules = quantized_modules(optimize(model))
        assert len(modules) == 11
        assert quantized_modules(optimize(model)) == modules

    @pytest.mark.parametrize("model", ["opt", "t5"])
    def test_tied_weights_stay_one(self, checkpoints, model):
        directory = checkpoints[f"{model} dynamic compressed-tensors"]
        loaded = optimize(auto_class_of(directory).from_pretrained(directory))
        assert isinstance(loaded.lm_head, QModule)
        assert len({address_of(loaded.get_submodule(name)) for name in TIED[model]}) == 1

    def test_what_it_does_not_take(self):
        with pytest.raises(ValueError, match="not quantized; quantize it with `IncQuantizer`"):
            optimize(tiny_model("bert"))
        model = tiny_model("bert")
        model.config.quantization_config = {"quant_method": "gptq", "bits": 4}
        with pytest.raises(ValueError, match="reads compressed-tensors models, got quant_method 'gptq'"):
            optimize(model)


class TestFromPretrained:
    @pytest.fixture
    def directory(self, checkpoints) -> Path:
        return checkpoints["bert dynamic compressed-tensors"]

    def test_is_not_instantiated(self):
        with pytest.raises(OSError, match="Use `IncModelForCausalLM.from_pretrained"):
            IncModelForCausalLM()

    @pytest.mark.parametrize("name", sorted(name for name in inc_hf.__all__ if name.startswith("IncModel")))
    def test_every_class_has_its_auto_class(self, name):
        cls = getattr(inc_hf, name)
        ending = name.removeprefix("IncModel").replace("ForFeatureExtraction", "")
        assert cls.auto_class is getattr(transformers, f"AutoModel{ending}")

    def test_string_and_path(self, directory, monkeypatch):
        monkeypatch.chdir(directory.parent)
        for name in (str(directory), directory, directory.name):
            model = IncModelForSequenceClassification.from_pretrained(name)
            assert len(quantized_modules(model)) == 11

    def test_a_float_checkpoint_is_loaded_as_it_is(self, tmp_path):
        tiny_model("bert").save_pretrained(tmp_path)
        model = IncModelForSequenceClassification.from_pretrained(tmp_path)
        assert not quantized_modules(model)
        assert torch.equal(logits_of(model), logits_of(tiny_model("bert")))

    def test_base_model_of_a_float_checkpoint(self, tmp_path):
        tiny_model("bert").save_pretrained(tmp_path)
        assert type(IncModel.from_pretrained(tmp_path)).__name__ == "BertModel"

    def test_config_values_as_keywords(self, directory):
        model = IncModelForSequenceClassification.from_pretrained(
            directory, output_hidden_states=True, id2label={0: "bad", 1: "good"}, attn_implementation="eager"
        )
        assert len(model(**tiny_inputs(model)).hidden_states) == 2
        assert model.config.id2label == {0: "bad", 1: "good"}
        assert model.config._attn_implementation == "eager"

    @pytest.mark.parametrize("format", FORMATS)
    def test_config_object(self, checkpoints, format):
        directory = checkpoints[f"bert dynamic {format}"]
        config = transformers.AutoConfig.from_pretrained(directory)
        before = config.to_dict()
        model = IncModelForSequenceClassification.from_pretrained(directory, config=config)
        assert config.to_dict() == before, "the user's object stays as it was"
        again = IncModelForSequenceClassification.from_pretrained(directory, config=model.config)
        assert same_state(model, again)

    def test_config_object_without_quantization(self, directory):
        config = tiny_model("bert").config
        with pytest.raises(CheckpointError, match=f"{directory} do not belong"):
            IncModelForSequenceClassification.from_pretrained(directory, config=config)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, "bfloat16", "auto"], ids=str)
    @pytest.mark.parametrize("approach", ["dynamic", "static"])
    def test_dtype(self, checkpoints, approach, dtype):
        directory = checkpoints[f"bert {approach} compressed-tensors"]
        model = IncModelForSequenceClassification.from_pretrained(directory, dtype=dtype)
        expected = torch.float32 if dtype == "auto" else torch.bfloat16
        assert model.config.dtype == expected
        assert logits_of(model).dtype == expected
        scales = {n: b.dtype for n, b in model.named_buffers() if n.endswith("_scale")}
        assert set(scales.values()) == {torch.float32}

    def test_device_map(self, directory):
        pytest.importorskip("accelerate")
        model = IncModelForSequenceClassification.from_pretrained(directory, device_map="cpu")
        assert torch.equal(logits_of(model), torch.load(directory / "logits.pt"))

    def test_output_loading_info(self, directory):
        model, info = IncModelForSequenceClassification.from_pretrained(directory, output_loading_info=True)
        assert len(quantized_modules(model)) == 11
        assert not info["missing_keys"] and not info["unexpected_keys"]

    @pytest.mark.parametrize("loader", [IncModelForSequenceClassification, OptimizedModel])
    def test_subfolder(self, directory, loader):
        model = loader.from_pretrained(directory.parent, subfolder=directory.name)
        assert torch.equal(logits_of(model), torch.load(directory / "logits.pt"))

    def test_absent(self, tmp_path):
        with pytest.raises(OSError, match="absent"):
            IncModelForSequenceClassification.from_pretrained(tmp_path / "absent")

    def test_pipeline(self, directory):
        model = IncModelForSequenceClassification.from_pretrained(directory)
        pipe = transformers.pipeline("text-classification", model=model, tokenizer=tiny_tokenizer(), device="cpu")
        assert {row["label"] for row in pipe(["the film was great", "a dull plot"])} <= {"LABEL_0", "LABEL_1"}

    def test_generate(self, checkpoints):
        model = IncModelForCausalLM.from_pretrained(checkpoints["opt dynamic compressed-tensors"])
        ids = torch.tensor([[5, 6, 7]])
        assert model.generate(ids, max_new_tokens=4, min_new_tokens=4, do_sample=False).shape == (1, 7)

    def test_trainer_evaluates_and_refuses_to_train(self, directory, tmp_path):
        model = IncModelForSequenceClassification.from_pretrained(directory)
        inputs = tiny_inputs(model)
        rows = [{"input_ids": ids, "labels": 1} for ids in inputs["input_ids"]]
        arguments = transformers.TrainingArguments(output_dir=tmp_path, report_to="none", use_cpu=True)
        trainer = transformers.Trainer(model, arguments, train_dataset=rows, eval_dataset=rows)
        assert trainer.evaluate()["eval_loss"] > 0
        with pytest.raises(RuntimeError, match="for inference"):
            trainer.train()


class TestLoadHuggingface:
    """INC's `save_for_huggingface_upstream` and `OptimizedModel`."""

    @pytest.mark.parametrize("what", ["QuantizedModel", "PreTrainedModel", "loaded"])
    def test_upstream(self, tmp_path, what):
        result = quantized("bert", "static")
        model = {"QuantizedModel": result, "PreTrainedModel": result.model}.get(what)
        if model is None:
            result.save_pretrained(tmp_path / "first", format="inc")
            model = OptimizedModel.from_pretrained(tmp_path / "first")
        directory = save_for_huggingface_upstream(model, tiny_tokenizer(), tmp_path / "out")
        assert directory == tmp_path / "out"
        assert method_of(directory) == ("inc" if what == "loaded" else "compressed-tensors")
        tokenizer = AutoTokenizer.from_pretrained(directory)
        assert tokenizer("the film")["input_ids"] == tiny_tokenizer()("the film")["input_ids"]
        loaded = OptimizedModel.from_pretrained(directory)
        assert isinstance(loaded, BertForSequenceClassification)
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    def test_upstream_does_not_overwrite(self, tmp_path):
        (tmp_path / "mine.txt").write_text("")
        result = quantized("bert")
        for model in (result, result.model):
            with pytest.raises(FileExistsError):
                save_for_huggingface_upstream(model, tiny_tokenizer(), tmp_path)
            assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
        save_for_huggingface_upstream(result.model, tiny_tokenizer(), tmp_path, overwrite=True)
        assert (tmp_path / "mine.txt").exists()
        assert (tmp_path / "tokenizer.json").exists()

    def test_upstream_of_a_float_model(self, tmp_path):
        with pytest.raises(ValueError, match="not quantized"):
            save_for_huggingface_upstream(tiny_model("bert"), tiny_tokenizer(), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_optimized_model_loads_float_checkpoints(self, tmp_path):
        tiny_model("opt").save_pretrained(tmp_path)
        model = OptimizedModel.from_pretrained(tmp_path)
        assert type(model).__name__ == "OPTForCausalLM"
        assert not quantized_modules(model)


class TestQuantizedModelSave:
    def test_files(self, tmp_path):
        result = quantized("bert", "static")
        result.save_pretrained(tmp_path / "out", tiny_tokenizer())
        names = {p.name for p in (tmp_path / "out").iterdir()}
        assert {"config.json", "model.safetensors", "inc_config.json", "README.md", "tokenizer.json"} <= names
        summary = json.loads((tmp_path / "out" / "inc_config.json").read_text())
        assert summary["inc_hf_version"] == inc_hf.__version__
        assert summary["quantization"]["approach"] == "static"
        assert summary["quantization"]["is_static"] is True
        assert summary["quantization"]["quantized_modules"] == 11
        assert summary["tuning"] == {"met_criterion": None, "baseline": None, "score": None, "trials": 0}

    def test_overwrite(self, tmp_path):
        result = quantized("bert")
        result.save_pretrained(tmp_path / "out")
        with pytest.raises(FileExistsError):
            result.save_pretrained(tmp_path / "out")
        result.save(tmp_path / "out")
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(loaded), logits_of(result.model))

    def test_other_models_are_refused(self, tmp_path):
        result = quantized("bert")
        result.model = torch.nn.Sequential(result.model)
        with pytest.raises(TypeError, match="Only a transformers PreTrainedModel can be saved, got Sequential"):
            result.save_pretrained(tmp_path / "out")

    def test_plain_auto_class_in_this_process(self, tmp_path):
        result = quantized("bert")
        result.save_pretrained(tmp_path / "out", format="inc")
        model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
        assert torch.equal(logits_of(model), logits_of(result.model))
