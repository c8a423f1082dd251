"""Stages one after the other, stopped and taken up again."""

import copy

import pytest
import torch
from pruning_trainer import is_pruned, trainer_of
from tiny import logits_of, tiny_model

from inc_hf import PostTrainingQuantConfig
from inc_hf.orchestration import run_stages
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules


def prune(model, folder):
    trainer_of(folder, model=model)[0].train()


def quantize(model, folder):
    return fit(model, PostTrainingQuantConfig(approach="dynamic"))


class Fails(Exception):
    pass


def test_prune_then_quantize(tmp_path):
    seen = []
    model = run_stages(
        tiny_model("bert"),
        {"prune": prune, "look": lambda m, _: seen.append(is_pruned(m)), "quantize": quantize},
        tmp_path,
    )
    assert seen == [True] and quantized_modules(model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-prune", "2-look", "3-quantize", "work"]


def test_taken_up_where_it_was_stopped(tmp_path):
    whole = run_stages(tiny_model("bert"), {"prune": prune, "quantize": quantize}, tmp_path / "whole")
    calls = []

    def fail(model, folder):
        calls.append("fail")
        raise Fails

    def once(model, folder):
        calls.append("prune")
        prune(model, folder)

    with pytest.raises(Fails):
        run_stages(tiny_model("bert"), {"prune": once, "quantize": fail}, tmp_path / "parts")
    model = run_stages(tiny_model("bert"), {"prune": once, "quantize": quantize}, tmp_path / "parts")
    assert calls == ["prune", "fail"]
    assert torch.equal(logits_of(model.eval()), logits_of(whole.eval()))
    again = run_stages(tiny_model("bert"), {"prune": once, "quantize": quantize}, tmp_path / "parts")
    assert calls == ["prune", "fail"] and quantized_modules(again)
    assert torch.equal(logits_of(again), logits_of(whole))


def test_random_numbers_do_not_hang_on_what_ran_before(tmp_path):
    drawn = []
    for count in (1, 100):
        stages = {"a": lambda m, _, n=count: (torch.rand(n), None)[1], "b": lambda m, _: drawn.append(torch.rand(3))}
        run_stages(tiny_model("bert"), stages, tmp_path / str(count))
    assert torch.equal(drawn[0], drawn[1])


def test_errors(tmp_path):
    model = tiny_model("bert")
    with pytest.raises(ValueError, match="`stages` is empty"):
        run_stages(model, {}, tmp_path)
    with pytest.raises(TypeError, match="The stage 'bad' must return a PreTrainedModel or None, got int"):
        run_stages(model, {"bad": lambda m, _: 3}, tmp_path)
    run_stages(copy.deepcopy(model), {"a": lambda m, _: None}, tmp_path)
    with pytest.raises(ValueError, match="has the stages 1-a, which are not among 1-b; choose another directory"):
        run_stages(model, {"b": lambda m, _: None}, tmp_path)
