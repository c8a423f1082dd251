"""A new observer, pruning type or strategy is registered at one place, and configs know it from then on."""

import argparse

import pytest
import torch

from inc_hf.commands import quantize
from inc_hf.config import PostTrainingQuantConfig, TuningCriterion, WeightPruningConfig
from inc_hf.config.registered import HOMES, registered_names
from inc_hf.prune.criterion import CRITERIA, Criterion, criterion_of
from inc_hf.quantize.observer import OBSERVERS, register_observer
from inc_hf.tune import STRATEGIES


def help_of_quantize() -> str:
    parser = argparse.ArgumentParser()
    quantize.add_arguments(parser)
    return parser.format_help()


# kind -> what users read of it, and where that is written
READ = {
    "observer": (help_of_quantize, "the help of --observer in inc_hf/commands/quantize.py"),
    "pruning type": (lambda: WeightPruningConfig.__doc__, "the docstring of WeightPruningConfig"),
    "strategy": (lambda: TuningCriterion.__doc__, "the docstring of TuningCriterion"),
}


@pytest.mark.parametrize("kind", HOMES)
def test_users_can_read_all_names(kind):
    text, place = READ[kind][0](), READ[kind][1]
    names = [name.removesuffix("_progressive") for name in registered_names(kind)]
    assert not [name for name in names if name not in text], f"name them in {place}"


def observed_by(name: str) -> PostTrainingQuantConfig:
    return PostTrainingQuantConfig(op_type_dict={"Linear": {"activation": {"algorithm": name}}})


def test_a_new_observer(monkeypatch):
    monkeypatch.delitem(OBSERVERS, "halved", raising=False)
    with pytest.raises(ValueError, match="got 'halved'"):
        observed_by("halved")
    monkeypatch.setitem(OBSERVERS, "halved", None)

    @register_observer("halved")
    class Halved(OBSERVERS["minmax"]):
        pass

    assert observed_by("halved").op_type_dict["Linear"]["activation"]["algorithm"] == ["halved"]


def test_a_new_pruning_type(monkeypatch):
    with pytest.raises(ValueError, match="got 'cubed'"):
        WeightPruningConfig(pruning_type="cubed")
    monkeypatch.setitem(CRITERIA, "cubed", Criterion(lambda weight, gradient: weight.abs() ** 3))
    for name in ("cubed", "cubed_progressive"):
        assert WeightPruningConfig(pruning_type=name).pruning_type == name
        assert criterion_of(name).score(torch.tensor([2.0]), None).item() == 8


def test_a_new_strategy(monkeypatch):
    with pytest.raises(ValueError, match="got 'greedy'"):
        TuningCriterion(strategy="greedy")
    monkeypatch.setitem(STRATEGIES, "greedy", STRATEGIES["basic"])
    assert TuningCriterion(strategy="greedy").strategy == "greedy"
