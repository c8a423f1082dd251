"""Modules that trials have in common: what is built of them is, bit for bit, what is built from scratch."""

import random

import pytest
import torch
from fitting import Net, images, net
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig, TuningCriterion
from inc_hf.checkpoint.describe import to_inc
from inc_hf.models.size import bytes_of
from inc_hf.quantize.nn import QModule, quantized_modules
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.quantization_space import QuantizationSpace
from inc_hf.tune.space import copy_of

SMOOTH = {"smooth_quant": True}
CASES = {
    "static": ("bert", {"approach": "static"}),
    "dynamic": ("bert", {"approach": "dynamic"}),
    "auto": ("bert", {"approach": "auto"}),
    "smoothed": ("bert", {"approach": "static", "recipes": SMOOTH}),
    "smoothed by 0.5": (
        "bert",
        {"approach": "static", "recipes": SMOOTH | {"smooth_quant_args": {"alpha": 0.5}}},
    ),
    "bias corrected": ("bert", {"approach": "static", "recipes": {"fast_bias_correction": True}}),
    "both": ("bert", {"approach": "static", "recipes": {"fast_bias_correction": True, **SMOOTH}}),
    "weights": ("gpt2", {"approach": "weight_only", "op_type_dict": {"Conv1D": {"weight": {"bits": 4}}}}),
    "tied": ("t5", {"approach": "static"}),
    "tied decoder": (
        "gpt2",
        {"approach": "static", "op_type_dict": {"Embedding": {"weight": {"dtype": "int8"}}}, "recipes": SMOOTH},
    ),
    "convolutions": ("net", {"approach": "static"}),
}


def space_of(kind: str, settings: dict, reuse: bool = True, **more) -> QuantizationSpace:
    model = net() if kind == "net" else tiny_model(kind)
    batches = [images(4), images(2)] if kind == "net" else [tiny_inputs(model)]
    config = PostTrainingQuantConfig(**settings, tuning_criterion=TuningCriterion(reuse=reuse))
    return QuantizationSpace(model, config, more.get("calibration") or Calibration(batches), [])


def some(space: QuantizationSpace, count: int, seed: int) -> list[Candidate]:
    """Variants with modules in float, and mixtures of variants; some split what shares a weight or a tensor."""
    draw, variants, found = random.Random(seed), space.candidates(), []
    for number in range(count):
        first = draw.choice(variants)
        schemes = {name: draw.choice([first, first, *variants]).schemes.get(name) for name in first.schemes}
        kept = draw.sample(list(schemes), k=draw.randint(1, len(schemes)))
        found.append(first.changed({n: schemes[n] if n in kept else None for n in schemes}, f"{number}"))
    return [*variants[:2], *(c for c in found if c.schemes)]


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    buffers = {name: b for name, b in model.named_buffers(remove_duplicate=False) if not name.endswith("packed")}
    biases = {name: p for name, p in model.named_parameters(remove_duplicate=False) if not name.endswith("weight")}
    return {**model.state_dict(), **buffers, **biases}


def ties_of(model: nn.Module) -> set[frozenset[str]]:
    """Names of the quantized modules that store one tensor."""
    twins = {n: m for n, m in model.named_modules(remove_duplicate=False) if isinstance(m, QModule)}
    addresses = {name: twin.stored_weight().data_ptr() for name, twin in twins.items()}
    return {frozenset(n for n in twins if addresses[n] == addresses[name]) for name in twins}


def assert_equal(built: nn.Module, scratch: nn.Module) -> None:
    assert to_inc(built) == to_inc(scratch)
    found, expected = tensors_of(built), tensors_of(scratch)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert ties_of(built) == ties_of(scratch)
    size = [bytes_of([*model.parameters(), *model.buffers()]) for model in (built, scratch)]
    assert size[0] == size[1]
    twins = quantized_modules(built), quantized_modules(scratch)
    assert [getattr(t, "input_ndim", None) for t in twins[0].values()] == [
        getattr(t, "input_ndim", None) for t in twins[1].values()
    ]
    inputs = (images(),) if isinstance(built, Net) else ()
    run = (lambda m: m(*inputs)) if inputs else logits_of
    with torch.no_grad():
        assert torch.equal(run(built), run(scratch))


@pytest.mark.parametrize("case", CASES)
def test_bit_for_bit_as_from_scratch(case):
    space = space_of(*CASES[case])
    for candidate in some(space, 5, seed=len(case)):
        try:
            scratch = space.quantize(copy_of(space.model), candidate)
        except ValueError as error:
            with pytest.raises(ValueError, match=str(error)[:30]):
                space.build(candidate)
            continue
        assert_equal(space.build(candidate), scratch)


def counted(space: QuantizationSpace) -> list[int]:
    """How many modules each conversion is of."""
    calls, convert = [], space.quantize

    def count(model, candidate):
        calls.append(len(candidate.schemes))
        return convert(model, candidate)

    space.quantize = count
    return calls


def test_only_what_is_new_is_made():
    space = space_of(*CASES["static"])
    default, observer = space.candidates()[:2]
    calls, names = counted(space), list(default.schemes)
    for count in (0, 1, 2, 3):
        space.build(default.without(names[:count], "less"))
    assert calls == [len(names)]
    differing = sum(default.schemes[name] != observer.schemes[name] for name in names)
    space.build(observer)
    assert calls == [len(names), differing] and 0 < differing < len(names)


def test_those_that_choose_an_alpha_together_are_made_again_without_one_of_them():
    space = space_of(*CASES["smoothed"])
    (default, *_), calls = space.candidates(), counted(space)
    space.build(default)
    (key,) = [name for name in default.schemes if name.endswith("self.key")]
    space.build(default.without([key], "no key"))
    assert calls == [len(default.schemes), 2], "query and value"


def test_what_happens_to_a_built_model_happens_to_no_other():
    space = space_of(*CASES["tied"])
    default = space.candidates()[0]
    for _ in range(2):
        model = space.build(default)
        assert_equal(model, space.quantize(copy_of(space.model), default))
        for twin in quantized_modules(model).values():
            twin.stored_weight().zero_()
            twin.weight_scale.zero_()


def test_hooks_are_those_of_the_copy():
    space = space_of(*CASES["dynamic"])
    (default, *_), seen = space.candidates(), []
    layer = space.model.get_submodule("classifier")
    layer.register_forward_hook(lambda module, args, output: seen.append(type(module).__name__))
    for _ in range(2):
        logits_of(space.build(default))
    assert seen == ["QLinear"] * 2
    assert len(layer._forward_hooks) == 1 and not layer._forward_pre_hooks


def test_modules_that_calibration_does_not_reach_stay_in_float():
    """Alone they are refused, as without what was made before."""

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.used(x)

    torch.manual_seed(1)
    model, x = Two().eval(), torch.randn(3, 4)
    config = PostTrainingQuantConfig(approach="static")
    space = QuantizationSpace(model, config, Calibration(func=lambda m: m(x)), [], {"used": 2, "idle": 2})
    (default,) = space.candidates()[:1]
    for _ in range(2):
        assert list(quantized_modules(space.build(default))) == ["used"]
        with pytest.raises(ValueError, match="need calibration"):
            space.build(default.only(["idle"], "idle"))


def test_what_is_kept_is_bounded():
    space = space_of(*CASES["dynamic"])
    default = space.candidates()[0]
    for samples in range(1, 20):
        how = Candidate("", default.schemes, samples, correct_bias=True)
        space.build(how)
    assert {len(variants) for variants in space.built.made.values()} == {8}


def test_without_reuse_nothing_is_kept():
    space = space_of(*CASES["dynamic"], reuse=False)
    assert space.built is None
    assert_equal(space.build(space.candidates()[0]), space.quantize(copy_of(space.model), space.candidates()[0]))
