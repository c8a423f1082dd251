"""A model of sentence-transformers is quantized and saved as a whole."""

import json

import numpy as np
import pytest
import torch
from saved import method_of
from sentences import PROMPTS, TEXTS

from inc_hf import AccuracyCriterion, IncQuantizer, PostTrainingQuantConfig, TuningCriterion
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules

pytest_plugins = ["sentences_fixture", "workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")
DYNAMIC = PostTrainingQuantConfig(approach="dynamic")
STATIC = PostTrainingQuantConfig(approach="static")


@pytest.fixture
def load(sentences, sentence_transformers):
    def load(name, directory=None):
        kind = "CrossEncoder" if name == "pairs" else "SentenceTransformer"
        return getattr(sentence_transformers, kind)(str(directory or sentences / name), device="cpu")

    return load


def answers(model):
    return model.encode(TEXTS) if hasattr(model, "encode") else model.predict([("the film", text) for text in TEXTS])


def parts_of(model):
    first, *others = model.children()
    return [type(first), *map(str, others)]


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("source", ["model", "directory"])
@pytest.mark.parametrize("name", ["mean", "cls", "pairs"])
def test_what_is_loaded_is_what_was_saved(name, source, load, sentences, tmp_path):
    model = load(name)
    before = answers(model)
    quantizer = IncQuantizer.from_pretrained(model if source == "model" else sentences / name)
    result = quantizer.quantize(DYNAMIC, tmp_path / "out")
    assert (result.model is model) is (source == "model")
    loaded = load(name, tmp_path / "out")
    assert quantized_modules(loaded)
    if source == "model":
        assert np.array_equal(answers(loaded), answers(model))
    np.testing.assert_allclose(answers(loaded), before, atol=0.05)
    assert parts_of(loaded) == parts_of(load(name))
    ours = {"deploy.json", "inc_card.svg", "inc_config.json"}
    assert files_of(tmp_path / "out") == files_of(sentences / name) | ours
    if name != "pairs":
        assert loaded.similarity_fn_name == ("dot" if name == "cls" else "cosine")
        assert loaded.prompts == load(name).prompts and loaded.prompts["query"] == PROMPTS["query"]
        assert loaded.max_seq_length == 32
    kind = type(loaded).__name__
    card, own = ((folder / "README.md").read_text() for folder in (tmp_path / "out", sentences / name))
    assert own.partition("\n# ")[2].strip() in card and f"model = inc_hf.optimize({kind}(" in card
    assert json.loads((tmp_path / "out" / "inc_config.json").read_text())["quantization"]["quantized_modules"]


@pytest.mark.parametrize("name", ["mean", "cls", "pairs"])
def test_the_checkpoint_is_that_of_the_encoder_alone(name, load, sentences, tmp_path):
    files = []
    for source in (load(name), sentences / name):
        IncQuantizer.from_pretrained(source).quantize(DYNAMIC, tmp_path / "out", overwrite=True)
        config = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]
        files.append((config, (tmp_path / "out" / "model.safetensors").read_bytes()))
    assert files[0] == files[1]


@pytest.mark.parametrize("format", ["compressed-tensors", "inc"])
def test_formats(format, load, tmp_path):
    result = fit(load("cls"), DYNAMIC)
    result.save_pretrained(tmp_path / "out", format=format)
    assert method_of(tmp_path / "out") == format
    assert np.array_equal(answers(load("cls", tmp_path / "out")), answers(result.model))


def test_saved_over_another_one_but_not_over_itself(load, sentences, tmp_path):
    for name in ("mean", "pairs"):
        load(name).save_pretrained(str(tmp_path / name))
    result = fit(load("mean", tmp_path / "mean"), DYNAMIC)
    with pytest.raises(FileExistsError, match="is where the model was loaded from"):
        result.save(tmp_path / "mean")
    with pytest.raises(FileExistsError, match="is not empty"):
        result.save_pretrained(tmp_path / "pairs")
    result.save(tmp_path / "pairs")
    assert np.array_equal(answers(load("mean", tmp_path / "pairs")), answers(result.model))


@pytest.mark.parametrize("config", [STATIC, PostTrainingQuantConfig(approach="auto")], ids=["static", "auto"])
@pytest.mark.parametrize("name", ["mean", "pairs"])
def test_texts_calibrate_it(name, config, load, tmp_path):
    """Its own tokenizer reads them; features that it has made itself are batches, too."""
    model = load(name)
    before, features = answers(model), model.tokenizer(TEXTS, padding=True, return_tensors="pt")
    result = IncQuantizer.from_pretrained(model).quantize(config, tmp_path / "out", calibration_dataset=TEXTS)
    np.testing.assert_allclose(answers(load(name, tmp_path / "out")), answers(result.model), atol=1e-6)
    np.testing.assert_allclose(answers(result.model), before, atol=0.1)
    same = fit(load(name), config, calib_dataloader=[features])
    assert np.array_equal(answers(same.model), answers(result.model))


def test_a_goal_is_met_by_its_own_evaluation(load, tmp_path):
    model = load("mean")
    before = torch.tensor(answers(model))

    def agreement(candidate):
        return float(torch.cosine_similarity(torch.tensor(answers(candidate)), before).mean())

    config = PostTrainingQuantConfig(
        approach="dynamic",
        accuracy_criterion=AccuracyCriterion(tolerable_loss=0.01),
        tuning_criterion=TuningCriterion(max_trials=2),
    )
    result = IncQuantizer.from_pretrained(model, eval_fn=agreement).quantize(config, tmp_path / "out")
    assert result.met_criterion and not quantized_modules(model) and result.score > 0.99
    assert "was met" in (tmp_path / "out" / "README.md").read_text()


def test_labelled_data_need_a_function(load):
    quantizer = IncQuantizer.from_pretrained(load("pairs"), task="text-classification")
    with pytest.raises(ValueError, match="the score of a model of transformers, got a CrossEncoder"):
        quantizer.quantize(DYNAMIC, eval_dataset=[{"text": "the film", "label": 0}])


def test_the_loader_of_inc(load, tmp_path):
    from inc_hf.utils.pytorch import load as load_of_inc

    model = load("mean")
    fit(model, DYNAMIC).save(tmp_path / "out")
    loaded = load_of_inc(tmp_path / "out", load("mean"))
    assert quantized_modules(loaded) and np.array_equal(answers(loaded), answers(model))
