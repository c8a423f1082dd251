"""What older versions of this package wrote is read: fields that came later are absent there."""

import copy
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import config_json
from tiny import quantized, tiny_model

import inc_hf.config
from inc_hf import IncModelForSequenceClassification, mix_precision
from inc_hf.commands.describe import describe_checkpoint
from inc_hf.config.base import ConfigMixin
from inc_hf.results.compressed import CompressedModel
from inc_hf.tune.history import History

CONFIGS = [c for c in vars(inc_hf.config).values() if isinstance(c, type) and issubclass(c, ConfigMixin)]
# Of the first version that wrote one, and of the first that knew coverage.
FIRST = {
    "inc_hf_version": "0.1.0", "torch_version": "2.13.0", "transformers_version": "5.23.0",
    "quantization": {"approach": "static", "is_static": True, "dataset_num_samples": 100, "weight_bits": [8],
                     "quantized_modules": 11},
    "tuning": {"met_criterion": True, "baseline": 0.91, "score": 0.9, "trials": 2},
}  # fmt: skip
WITH_COVERAGE = {
    **FIRST,
    "coverage": {"share": 0.5, "verb": "Quantized", "weights": 4, "changed": 2,
                 "left": [{"reason": "too small", "modules": 1, "weights": 2, "examples": ["a"]}]},
}  # fmt: skip
NEEDED = {"inc_hf_version", "tuning", "met_criterion", "baseline", "score", "verb", "weights", "changed", "left"}


def without_one(values: dict) -> Iterator[tuple[str, dict]]:
    """Copies that lack one of the fields, at any depth, that came after the first version."""
    for key, value in values.items():
        if key not in NEEDED:
            yield key, {name: kept for name, kept in values.items() if name != key}
        if isinstance(value, dict) and key not in ("layers", "n_of_m", "dataset"):
            for path, changed in without_one(value):
                yield f"{key}.{path}", {**values, key: changed}


def save_compressed(directory: Path) -> None:
    model = CompressedModel(tiny_model("bert"))
    model.score, model.baseline, model.met_criterion = 0.9, 0.91, True
    model.save(directory)


SAVED = {
    "quantized": lambda directory: quantized("bert", "static").save_pretrained(directory),
    "bf16": lambda directory: mix_precision.fit(tiny_model("bert")).save_pretrained(directory),
    "compressed": save_compressed,
}


@pytest.mark.parametrize("save", SAVED.values(), ids=SAVED)
def test_summaries(save, tmp_path):
    save(tmp_path)
    file = tmp_path / "inc_config.json"
    now = json.loads(file.read_text())
    paths = []
    for path, older in [*without_one(now), ("first", FIRST), ("coverage", WITH_COVERAGE)]:
        file.write_text(json.dumps(older))
        assert describe_checkpoint(tmp_path)["made_with"].startswith("inc_hf "), path
        paths.append(path)
    assert {"coverage", "zeros", "zeros.n_of_m", "kernels", "base_model", "first"} < set(paths)


@pytest.mark.parametrize("format", ["inc", "compressed-tensors"])
def test_schemes_in_checkpoints(format, tmp_path):
    """The first ones had no `scale_dtype`, since scales were not rounded, and no `smooth_alpha`."""
    quantized("bert").save_pretrained(tmp_path, format=format)
    config = config_json(tmp_path)
    older = copy.deepcopy(config)
    for group in older["quantization_config"].get("groups", []):
        group["scheme"].pop("smooth_alpha", None)
        if group["scheme"]["activation"]:
            del group["scheme"]["activation"]["scale_dtype"]
    for group in older["quantization_config"].get("config_groups", {}).values():
        if "input_activations" in group:
            del group["input_activations"]["observer_kwargs"]
    assert older != config
    (tmp_path / "config.json").write_text(json.dumps(older))
    model = IncModelForSequenceClassification.from_pretrained(tmp_path)
    assert model.classifier.scheme.activation.scale_dtype == "float32"
    assert model.classifier.scheme.smooth_alpha is None
    assert describe_checkpoint(tmp_path)["quantized_modules"] == 11


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_configs(config):
    """Any field may be absent, and is then its default; so are all."""
    values = config().to_dict()
    for field in dataclasses.fields(config):
        older = {name: value for name, value in values.items() if name != field.name}
        assert field.name == "workspace" or config.from_dict(older).to_dict() == values, field.name


def test_histories(tmp_path):
    """A trial had no `baseline` of its own."""
    trial = {"label": "dynamic", "fingerprint": "abc", "score": 0.9, "seconds": 1.0, "bytes": 10, "meets_goal": True,
             "quantized_modules": 3}  # fmt: skip
    (tmp_path / "history.json").write_text(json.dumps({"version": 1, "baseline": 0.91, "trials": [trial]}))
    history = History.of_workspace(tmp_path / "new", tmp_path)
    assert history.baseline == 0.91 and history.earlier["abc"].score == 0.9
