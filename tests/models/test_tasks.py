"""One row for each task, and all who take from it."""

import importlib

import pytest
import transformers
from tiny import quantized, tiny_model
from transformers import modeling_outputs

import inc_hf
from inc_hf import modeling
from inc_hf.evaluation.tasks import SCORES
from inc_hf.models.tasks import SCORED, TASKS, auto_class_of, class_of_architecture, model_class_of, task_of
from inc_hf.runtimes.model import OF_TOKENS, OUTPUTS

ROWS = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


class TestRow:
    @ROWS
    def test_its_classes_exist(self, task):
        cls = getattr(inc_hf, task.inc_class)
        assert cls is getattr(modeling, task.inc_class) and task.inc_class in inc_hf.__all__
        assert cls.auto_class is getattr(transformers, task.auto_class)

    def test_there_is_no_class_without_a_row(self):
        """But the longer name of `IncModel`."""
        classes = {name for name in vars(modeling) if name.startswith("IncModel")}
        assert classes | {"explain", "optimize"} == set(modeling.__all__)
        assert classes - {task.inc_class for task in TASKS} == {"IncModelForFeatureExtraction"}

    @ROWS
    def test_what_it_returns(self, task):
        """A runtime returns it, unless the models generate."""
        generates = task.name in ("text-generation", "text2text-generation", "automatic-speech-recognition")
        assert (task.output is None) == generates
        expected = getattr(modeling_outputs, task.output) if task.output else None
        assert {OUTPUTS.get(ending) for ending in task.endings} == {expected}

    def test_logits_of_tokens(self):
        assert OF_TOKENS == ("ForTokenClassification", "ForMaskedLM")

    def test_how_it_is_scored(self):
        assert {task.scored_by for task in TASKS} == {*SCORES, None}
        assert {task.name for task in TASKS} - SCORED.keys() == {"automatic-speech-recognition", "feature-extraction"}

    def test_names_are_those_of_transformers(self):
        known = importlib.import_module("transformers.pipelines").PIPELINE_REGISTRY.supported_tasks
        without_pipeline = {"multiple-choice", "question-answering", "text2text-generation"}  # the last two until 5.0
        assert {task.name for task in TASKS} - known.keys() <= without_pipeline


class TestTaskOf:
    @pytest.mark.parametrize(
        ("model_class", "hears", "name"),
        [
            ("BertForSequenceClassification", False, "text-classification"),
            ("Wav2Vec2ForSequenceClassification", True, "audio-classification"),
            ("ASTForAudioClassification", True, "audio-classification"),
            ("GPT2LMHeadModel", False, "text-generation"),
            ("LlamaForCausalLM", False, "text-generation"),
            ("T5ForConditionalGeneration", False, "text2text-generation"),
            ("WhisperForConditionalGeneration", True, "automatic-speech-recognition"),
            ("WhisperForCausalLM", True, "text-generation"),
            ("BertModel", False, "feature-extraction"),
            ("WhisperModel", True, "feature-extraction"),
            ("BertForPreTraining", False, None),
        ],
    )
    def test_by_the_end_of_the_name(self, model_class, hears, name):
        found = task_of(model_class, hears)
        assert (found and found.name) == name


@pytest.fixture
def directory(tmp_path):
    return quantized("bert").save_pretrained(tmp_path / "model", format="inc")


class TestAutoClass:
    def test_of_the_task(self, tmp_path):
        assert auto_class_of(tmp_path, "text-generation") is transformers.AutoModelForCausalLM

    def test_of_the_checkpoint(self, directory):
        assert auto_class_of(directory) is transformers.BertForSequenceClassification
        found = auto_class_of(str(directory.parent), subfolder=directory.name)
        assert found is transformers.BertForSequenceClassification

    @pytest.mark.parametrize("task", ["sentiment", "feature-extraction"])
    def test_unknown_task(self, tmp_path, task):
        with pytest.raises(ValueError, match=f"Unknown task '{task}'; choose one of audio-classification, "):
            auto_class_of(tmp_path, task)

    @pytest.mark.parametrize("architectures", [None, [], ["MyOwnModel"]], ids=["none", "empty", "unknown"])
    def test_no_class(self, tmp_path, architectures):
        config = tiny_model("bert").config
        config.architectures = architectures
        config.save_pretrained(tmp_path)
        with pytest.raises(ValueError, match=f"pass `task`, one of {', '.join(SCORED)}"):
            auto_class_of(tmp_path)

    def test_the_first_that_transformers_has(self):
        config = transformers.BertConfig(architectures=["MyOwnModel", "BertForMaskedLM", "BertModel"])
        assert class_of_architecture(config) is transformers.BertForMaskedLM


def test_class_of_torch():
    config = tiny_model("bert").config
    expected = transformers.BertForSequenceClassification
    assert model_class_of(transformers.AutoModelForSequenceClassification, config) is expected
    assert model_class_of(expected, config) is expected
