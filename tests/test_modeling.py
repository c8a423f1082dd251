"""`IncModelFor….from_pretrained`: names, configs, keywords, and what the model works in."""

from pathlib import Path

import pytest
import torch
import transformers
from saved import FORMATS, same_state
from tiny import logits_of, tiny_inputs, tiny_model, tiny_tokenizer

import inc_hf
from inc_hf import IncModel, IncModelForCausalLM, IncModelForSequenceClassification, mix_precision
from inc_hf.checkpoint import CheckpointError
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel

pytest_plugins = ["checkpoint_fixture"]


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


OTHERS = {
    "of another head": ("bert dynamic compressed-tensors", "MaskedLM", "SequenceClassification"),
    "in our format, as a decoder": ("bert dynamic inc", "CausalLM", "SequenceClassification"),
    "as a language model": ("bert dynamic inc", "MaskedLM", "SequenceClassification"),
    "with random weights": ("bert dynamic compressed-tensors", "QuestionAnswering", "SequenceClassification"),
    "whose weights have the same shapes": ("bert dynamic inc", "TokenClassification", "SequenceClassification"),
    "of one number a sample": ("bert dynamic compressed-tensors", "MultipleChoice", "SequenceClassification"),
    "of a type that has no such class": ("opt dynamic compressed-tensors", "Seq2SeqLM", "CausalLM"),
}


@pytest.mark.parametrize("kind, asked, instead", OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_class(checkpoints, kind, asked, instead):
    """In one line: what it is, and what loads it."""
    own = {"bert": "BertForSequenceClassification", "opt": "OPTForCausalLM"}[kind.partition(" ")[0]]
    with pytest.raises(UsageError) as refused:
        getattr(inc_hf, f"IncModelFor{asked}").from_pretrained(checkpoints[kind])
    told = f"{checkpoints[kind]} is a {own}, which IncModelFor{asked} does not load; take IncModelFor{instead}, for "
    assert str(refused.value).startswith(told)
    assert "\n" not in str(refused.value)


def test_a_float_checkpoint_of_another_class(tmp_path):
    """Its head is random, as transformers says; of a type that has no such class there is none."""
    tiny_model("gpt2").save_pretrained(tmp_path)
    classifier = IncModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(classifier).__name__ == "GPT2ForSequenceClassification"
    with pytest.raises(UsageError, match="is a GPT2LMHeadModel, which IncModelForMaskedLM does not load; take IncM"):
        inc_hf.IncModelForMaskedLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("asked", ["QuestionAnswering", "MultipleChoice", "MaskedLM"])
def test_a_float_checkpoint_that_was_trained_for_another_task(asked, tmp_path):
    """It is no start for another one, so that a random head is nobody's wish."""
    tiny_model("bert").save_pretrained(tmp_path)
    with pytest.raises(UsageError, match=f"which IncModelFor{asked} does not load; take IncModelForSequenceClassif"):
        getattr(inc_hf, f"IncModelFor{asked}").from_pretrained(tmp_path)
    assert type(inc_hf.IncModelForFeatureExtraction.from_pretrained(tmp_path)).__name__ == "BertModel"


def test_a_half_checkpoint_of_another_class(tmp_path):
    mix_precision.fit(tiny_model("gpt2")).save_pretrained(tmp_path)
    assert type(IncModel.from_pretrained(tmp_path)).__name__ == "GPT2Model"
    with pytest.raises(UsageError, match="take IncModelForCausalLM, for text-generation"):
        IncModelForSequenceClassification.from_pretrained(tmp_path)
