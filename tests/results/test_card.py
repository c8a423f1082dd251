"""Model cards, and uploads to a Hub on loopback."""

import json
import re
from pathlib import Path

import pytest
import transformers
from fakehub import run_with_hub
from huggingface_hub import ModelCard
from tiny import quantized, tiny_model

import inc_hf
from inc_hf import mix_precision, ops
from inc_hf.checkpoint import attach_quantizer
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import quantized_modules
from inc_hf.results.about import about_files, about_model, compression_of
from inc_hf.results.card import card_of as card_from
from inc_hf.results.compressed import CompressedModel

pytest_plugins = ["hub_fixture"]

PUSH = """
from pathlib import Path
import torch
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from sentences import BESIDE, write_sentence_model
from tiny import logits_of, quantized, tiny_model, tiny_tokenizer
from inc_hf import IncModelForCausalLM, IncModelForSequenceClassification, IncQuantizer, PostTrainingQuantConfig
from inc_hf import mix_precision
from inc_hf.config import MixedPrecisionConfig
from inc_hf.utils.load_huggingface import OptimizedModel
from transformers import AutoTokenizer

torch.set_num_threads(1)
"""
ROUND_TRIP = """
for name, model, approach in [("user/ct", "bert", "static"), ("user/inc", "gpt2", "dynamic")]:
    result = quantized(model, approach)
    url = result.push_to_hub(name, tiny_tokenizer())
    print(url)
    cls = IncModelForSequenceClassification if model == "bert" else IncModelForCausalLM
    expected = logits_of(result.model)
    assert torch.equal(logits_of(cls.from_pretrained(name)), expected)
    assert torch.equal(logits_of(OptimizedModel.from_pretrained(name, revision=url.rpartition("/")[2])), expected)
    assert torch.equal(logits_of(cls.from_pretrained(snapshot_download(name))), expected)
    assert AutoTokenizer.from_pretrained(name)("the film").input_ids == [2, 5, 7, 3]
"""
FROM_THE_QUANTIZER = """
quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), tokenizer=tiny_tokenizer())
try:
    quantizer.push_to_hub("user/int8")
except ValueError as error:
    assert "nothing to upload yet; call `quantize` first" in str(error)
quantizer.quantize(PostTrainingQuantConfig(approach="dynamic"))
quantizer.push_to_hub("user/int8", private=True, commit_message="First")
api = HfApi()
for name in ("onnx/model_quantized.onnx", "pytorch_model.bin", "notes [1].txt"):
    api.upload_file(path_or_fileobj=b"older", path_in_repo=name, repo_id="user/int8")
quantizer.quantized_model.push_to_hub("user/int8", commit_description="With its tokenizer")
files = api.list_repo_files("user/int8")
assert "notes [1].txt" in files and "tokenizer.json" in files
assert not {"onnx/model_quantized.onnx", "pytorch_model.bin"}.intersection(files)
model = IncModelForSequenceClassification.from_pretrained("user/int8")
assert torch.equal(logits_of(model), logits_of(quantizer.quantized_model.model))
"""
CARDS = """
half = mix_precision.fit(tiny_model("bert"), MixedPrecisionConfig())
half.save_pretrained("half", push_to_hub=True, repo_id="user/int8", commit_message="In bfloat16")
card = open(hf_hub_download("user/int8", "README.md")).read()
assert "in bfloat16" in card and 'from_pretrained("user/int8")' in card
api.upload_file(path_or_fileobj=b"# My notes", path_in_repo="README.md", repo_id="user/int8")
half.push_to_hub("user/int8")
assert open(hf_hub_download("user/int8", "README.md")).read() == "# My notes"
"""
SENTENCES = """
api.create_repo("user/sentences")
api.upload_folder(repo_id="user/sentences", folder_path=write_sentence_model(Path("sentences")))
quantizer = IncQuantizer.from_pretrained("user/sentences")
quantizer.quantize(PostTrainingQuantConfig(approach="dynamic"), "sentences-int8")
assert {str(path.relative_to("sentences-int8")) for path in Path("sentences-int8").rglob("*")} >= BESIDE.keys()
quantizer.push_to_hub("user/sentences-int8")
assert set(api.list_repo_files("user/sentences-int8")) >= BESIDE.keys()
card = open(hf_hub_download("user/sentences-int8", "README.md")).read()
assert 'SentenceTransformer("user/sentences-int8")' in card and "base_model: user/sentences" in card
"""


def told(result) -> dict:
    """What `inc_config.json` would hold, of a model that lies nowhere yet."""
    summary = result.summary()
    about = about_files(Path("/nowhere"), result.model)
    return {**summary, **about, "compression": compression_of(result.model, summary)}


def card_of(result) -> ModelCard:
    return card_from(told(result))


def test_push_and_load(fake_hub, tmp_path):
    urls = run_with_hub(fake_hub, PUSH + ROUND_TRIP + FROM_THE_QUANTIZER + CARDS + SENTENCES, tmp_path).stdout.split()
    for name, method in (("user/ct", "compressed-tensors"), ("user/inc", "inc")):
        assert urls.pop(0).startswith(f"{fake_hub.url}/{name}/commit/")
        files = fake_hub.files(name)
        assert files.keys() >= {"config.json", "model.safetensors", "inc_config.json", "README.md", "tokenizer.json"}
        assert json.loads(files["config.json"])["quantization_config"]["quant_method"] == method
        assert not any("/" in path for path in files)
        data = ModelCard(files["README.md"].decode()).data
        assert data.library_name == "transformers"
        assert data.tags == ["int8", "quantized", "cpu", "inc_hf"]
        assert f'from_pretrained("{name}")' in files["README.md"].decode()
        assert len(fake_hub.repos[name].commits) == 2, "the first, empty commit and one with all files"
    assert "tokenizer.json" in fake_hub.files("user/int8")


@pytest.mark.parametrize("make", [quantized, lambda name: mix_precision.fit(tiny_model(name))], ids=["int8", "bf16"])
def test_without_a_way_to_the_hub(make):
    """Tests are offline. As a caller of transformers expects, it is a ConnectionError; commands print its one line."""
    with pytest.raises(ConnectionError, match="not uploaded to me/x: the Hub cannot .* hf upload me/x") as error:
        make("bert").push_to_hub("me/x")
    assert isinstance(error.value, UsageError) and "\n" not in str(error.value)


@pytest.mark.parametrize("make", [quantized, lambda name: mix_precision.fit(tiny_model(name))], ids=["int8", "bf16"])
def test_saved_but_not_uploaded(make, tmp_path):
    out, result = tmp_path / "out", make("bert")
    with pytest.raises(ConnectionError, match=f"{out} is saved, but not uploaded to out: .* hf upload out {out}"):
        result.save_pretrained(out, push_to_hub=True)
    assert (out / "model.safetensors").is_file()
    with pytest.raises(TypeError, match="`private` says how to upload, .* add `push_to_hub=True`"):
        result.save_pretrained(tmp_path / "b", private=True)
    with pytest.raises(TypeError, match="`save_pretrained` has no argument 'overwrit'; did you mean 'overwrite'"):
        result.save_pretrained(tmp_path / "b", overwrit=True)
    assert not (tmp_path / "b").exists()


def trained(model) -> CompressedModel:
    held = CompressedModel(model)
    if quantized_modules(model):
        attach_quantizer(model)
    return held


def pruned():
    model = tiny_model("bert")
    model.bert.encoder.layer[0].output.dense.weight.data[:8] = 0
    for layer in (model.bert.encoder.layer[0].intermediate.dense, model.bert.pooler.dense):
        layer.weight.data.zero_()
    return model


TRAINED = {
    "quantized": (
        lambda: quantized("bert").model,
        "in integers (",  # of 7 or 8 bits, as the CPU has it
        "11",
    ),
    "pruned": (pruned, "A local model, pruned. Made with", "3"),
    "distilled": (lambda: tiny_model("bert"), "A local model, fine-tuned. Made with", None),
}


@pytest.mark.parametrize("make, told, count", TRAINED.values(), ids=TRAINED)
def test_of_a_model_that_was_trained(make, told, count, tmp_path):
    trained(make()).save(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert told in text and "IncModelForSequenceClassification.from_pretrained" in text
    assert re.findall(r"(\d+) modules are", text) == ([count] if count else [])
    assert ("Plain `transformers` loads it as any other model." in text) == ("integers" not in told)
    assert ("It is pruned: " in text) == ("pruned" in told)


def test_of_a_model_that_was_trained_to_a_goal(tmp_path):
    held = trained(tiny_model("bert"))
    held.score, held.baseline, held.metric, held.met_criterion = 0.75, 0.8, "accuracy", False
    held.save(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "| accuracy | 0.8000 | 0.7500 |" in text and "was **not** met." in text


class TestCard:
    @pytest.mark.parametrize(
        ("model", "cls", "method"),
        [
            ("bert", "IncModelForSequenceClassification", "compressed-tensors"),
            ("opt", "IncModelForCausalLM", "compressed-tensors"),
            ("t5", "IncModelForSeq2SeqLM", "compressed-tensors"),
            ("gpt2", "IncModelForCausalLM", "inc"),
            ("vit", "IncModelForImageClassification", "inc"),
        ],
    )
    def test_how_to_load(self, model, cls, method):
        text = card_of(quantized(model)).text
        assert f"from inc_hf import {cls}, optimize\n" in text
        assert f'{cls}.from_pretrained("this repository")' in text
        assert ("needs inc_hf" in text) == (method == "inc")
        assert ("`transformers` with the `compressed-tensors` package loads it" in text) == (method != "inc")

    @pytest.mark.parametrize(
        ("model", "auto_class"),
        [
            ("BertModel", "AutoModel"),
            ("BertForMaskedLM", "AutoModelForMaskedLM"),
            ("BertForTokenClassification", "AutoModelForTokenClassification"),
            ("BertForQuestionAnswering", "AutoModelForQuestionAnswering"),
            ("BertForMultipleChoice", "AutoModelForMultipleChoice"),
            ("GPT2LMHeadModel", "AutoModelForCausalLM"),
            ("WhisperForConditionalGeneration", "AutoModelForSpeechSeq2Seq"),
            ("Wav2Vec2ForSequenceClassification", "AutoModelForAudioClassification"),
        ],
    )
    def test_the_class_it_names_can_load_it(self, model, auto_class):
        cls = getattr(transformers, model)
        named = getattr(inc_hf, about_model(cls.__new__(cls), Path("/nowhere"))["loaded_by"])
        assert named.auto_class is getattr(transformers, auto_class)

    @pytest.mark.parametrize(
        ("approach", "words"),
        [
            ("dynamic", "8-bit activations (dynamic)"),
            ("static", "8-bit activations (static, feed-forward per token, calibrated on 3 samples)"),
        ],
    )
    def test_what_was_done(self, approach, words):
        text = card_of(quantized("bert", approach, reduce_range=True)).text
        assert words in text
        assert "7-bit and 8-bit integer weights" in text
        assert "11 modules are quantized" in text

    def test_weight_only(self):
        text = card_of(quantized("bert", "weight_only")).text
        assert "activations" not in text

    def test_without_scores_there_is_no_table(self):
        text = card_of(quantized("bert")).text
        assert "| score" not in text and "It was not scored here." in text

    @pytest.mark.parametrize(("met", "words"), [(True, "was met, after"), (False, "was **not** met, after")])
    def test_scores(self, met, words):
        result = quantized("bert")
        summary = told(result)
        summary["tuning"] = {"met_criterion": met, "baseline": 0.91, "score": 0.9, "trials": 3}
        text = card_from(summary).text
        assert "| score | 0.9100 | 0.9000 |" in text
        assert f"The accuracy goal {words} 3 trials." in text

    def test_data_and_metric(self):
        result = quantized("bert")
        result.score, result.baseline, result.met_criterion, result.metric = 0.9, 0.91, True, "f1"
        result.dataset = {"name": "nyu-mll/glue", "config": "mrpc", "split": "validation", "samples": 408}
        card = card_of(result)
        assert "|  | FP32 | quantized |" in card.text
        assert "| f1 on nyu-mll/glue mrpc, validation (408 samples) | 0.9100 | 0.9000 |" in card.text
        (score,) = card.data.eval_results
        assert (score.dataset_type, score.dataset_config, score.dataset_split) == (
            "nyu-mll/glue",
            "mrpc",
            "validation",
        )
        assert (score.task_type, score.metric_type, score.metric_value) == ("text-classification", "f1", 0.9)
        assert card.data.datasets == ["nyu-mll/glue"] and card.data.metrics == ["f1"]

    def test_zeros_and_kernels(self):
        model = tiny_model("bert")
        assert "pruned" not in card_of(quantized("bert")).text
        for part in model.bert.encoder.layer.parameters():
            part.data[: len(part) // 2] = 0
        text = card_of(quantized(model)).text
        assert re.search(r"pruned: 4\d\.\d % of the weights of its 8 Linear and Conv layers are zero, 4\d", text)
        assert not ops.is_native() or f"it was made on ({ops.isa()}), its Linear and Conv layers run on these" in text

    def test_of_bf16(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        result = mix_precision.fit(tiny_model("bert"))
        result.save_pretrained("out")
        card = ModelCard.load("out/README.md")
        assert card.data.tags == ["bf16", "cpu", "inc_hf"]
        assert "11 modules are in bfloat16, 100.0 % of the weights" in card.text
        assert "Plain `transformers` loads it in float32" in card.text

    @pytest.mark.parametrize("name", ["google-bert/bert-base-uncased", "me/my.model_1"])
    def test_base_model_is_a_hub_name(self, name):
        model = tiny_model("bert")
        model.config.name_or_path = name
        card = card_of(quantized(model))
        assert card.data.base_model == name
        assert card.data.base_model_relation == "quantized"
        assert f"{name}, with" in card.text

    @pytest.mark.parametrize(
        "name", ["", "bert", "./models/bert", "/models/bert", "../bert", "a/b/c", "~/bert", "models/"]
    )
    def test_base_model_is_no_path(self, name):
        model = tiny_model("bert")
        model.config.name_or_path = name
        card = card_of(quantized(model))
        assert card.data.base_model is None
        assert "base_model" not in card.content
        assert "A local model, with" in card.text
        assert "models" not in card.text.replace("IncModel", ""), "a path of this machine is nobody's business"

    def test_base_model_is_no_existing_directory(self, tmp_path, monkeypatch):
        tiny_model("bert").save_pretrained(tmp_path / "models" / "bert")
        monkeypatch.chdir(tmp_path)
        model = type(tiny_model("bert")).from_pretrained("models/bert")
        assert card_of(quantized(model)).data.base_model is None

    def test_is_valid(self, tmp_path):
        card = card_of(quantized("bert"))
        card.save(tmp_path / "README.md")
        assert ModelCard.load(tmp_path / "README.md").data.to_dict() == card.data.to_dict()
        assert not re.search(r"\{[{%]", card.content), "the template is filled in"
