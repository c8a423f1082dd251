"""Everything that this package does with a model, on one tiny model, and what is right."""

import copy
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from architectures.inputs import Inputs, inputs_of
from architectures.left import share_and_left
from architectures.models import tiny_model
from architectures.outcome import FAULT, REFUSED, RIGHT, Outcome, Result, attempt, judged, shortened
from architectures.outputs import difference, outputs_of
from architectures.pruned import pruned
from architectures.reference import ROUNDINGS, halved_outputs, rounded_outputs
from architectures.stock import stock_outputs
from torch import Tensor
from transformers import PreTrainedModel

from inc_hf import PostTrainingQuantConfig, QuantizedModel, mix_precision, optimize, quantization
from inc_hf.export import export_model
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes import from_files, load_model

APPROACHES = ("dynamic", "static", "weight_only")
PRUNING = ("magnitude", "wanda")
STEPS = (*APPROACHES, "load", "stock", "optimize", "bf16", *PRUNING, "onnx")
# Relative errors. Loaded again a model is the same; on other kernels, which add up in another order, an activation
# can move to the next integer.
FLOAT_BOUND = {"dynamic": 0.1, "static": 0.15, "weight_only": 0.05, "bf16": 0.03}
SAME, OTHER_KERNELS = 1e-5, 0.05
# oneDNN adds up in an order that hangs on where weights lie in memory, which can move a number to the next bfloat16.
SAME_IN_BF16 = 1e-3
SENSITIVE = 3.0  # times the error of a reference


def judged_or_sensitive(error: float, bound: float, reference: Callable[[], float]) -> Outcome:
    """Within the bound, or as far off as a right answer may be; the reference is asked only if it is needed."""
    if error <= bound:
        return Outcome(RIGHT, error)
    sensitivity = reference()
    return judged(error, max(bound, SENSITIVE * sensitivity), f"by rounding alone {sensitivity:.1%}")


class Check:
    """One model, its inputs and its float outputs, and what has been made of it."""

    def __init__(self, model: PreTrainedModel, inputs: Inputs, folder: Path):
        self.model, self.inputs, self.folder = model, inputs, folder
        self.expected = outputs_of(model, inputs)
        self.made: dict[str, QuantizedModel] = {}
        self.outputs: dict[str, list[Tensor]] = {}
        self.errors: dict[str, float] = {}
        self.sensitivities: dict[str, float] = {}

    def quantize(self, approach: str) -> Outcome:
        config = PostTrainingQuantConfig(approach=approach)
        data = [self.inputs] if approach == "static" else None
        quantized = quantization.fit(copy.deepcopy(self.model), config, calib_dataloader=data)
        self.outputs[approach] = outputs_of(quantized.model, self.inputs)
        self.made[approach] = quantized
        outcome = self.against_float(self.outputs[approach], FLOAT_BOUND[approach], lambda: self.sensitivity(approach))
        if outcome.verdict == RIGHT:
            self.errors[approach] = outcome.error
        return outcome

    def sensitivity(self, approach: str) -> float:
        """How far off the float model is with nothing but its weights and inputs rounded: where a router chooses an
        expert, or an indexer the keys, one rounding changes everything."""
        if approach not in self.sensitivities:
            modules = quantized_modules(self.made[approach].model)
            self.sensitivities[approach] = max(
                difference(rounded_outputs(self.model, modules, self.inputs, rounds), self.expected)
                for rounds in ROUNDINGS
            )
        return self.sensitivities[approach]

    def against_float(self, outputs: list[Tensor], bound: float, reference: Callable[[], float]) -> Outcome:
        """Near the float model, or as far off as rounding alone is."""
        return judged_or_sensitive(difference(outputs, self.expected), bound, reference)

    def on_other_kernels(self, outputs: list[Tensor], approach: str) -> Outcome:
        """As the quantized model in memory, or no further off than the float model is, or than rounding alone."""
        error = difference(outputs, self.outputs[approach])
        bound = max(OTHER_KERNELS, self.errors.get(approach, 0.0))
        return judged_or_sensitive(error, bound, lambda: self.sensitivity(approach))

    def against_made(self, other: PreTrainedModel, approach: str, bound: float) -> Outcome:
        return judged(difference(outputs_of(other.eval(), self.inputs), self.outputs[approach]), bound)

    def load(self, approach: str) -> PreTrainedModel:
        return load_model(type(self.model), self.folder / approach)

    def load_plainly(self, approach: str) -> PreTrainedModel:
        """By transformers alone where the format is one that it knows: its products are in float."""
        return type(self.model).from_pretrained(self.folder / approach)

    def survives_transformers(self) -> str:
        """Why the float model does not come back from transformers' own saving and loading; empty if it does."""
        try:
            self.model.save_pretrained(self.folder / "float")
            loaded = type(self.model).from_pretrained(self.folder / "float").eval()
            error = difference(outputs_of(loaded, self.inputs), self.expected)
        except Exception as reason:  # that of any code of transformers
            return shortened(reason)
        return "" if error < SAME else f"it differs by {error:.1%}"


def check(model_type: str, head: str | None, without: frozenset[str]) -> Result:
    try:
        model = tiny_model(model_type, head)
        inputs = inputs_of(model)
    except Exception as error:  # what transformers meets in a config of ours
        return Result(model_type, skipped=f"{type(error).__name__}: {shortened(error)}")
    result = Result(model_type, type(model).__name__, sum(p.numel() for p in model.parameters()))
    with tempfile.TemporaryDirectory() as folder:
        one = Check(model, inputs, Path(folder))
        if not one.expected or difference(outputs_of(model, inputs), one.expected) > 0:
            return Result(model_type, skipped="the outputs of two calls of the float model differ")
        run_steps(one, result, without)
        excuse_loading(one, result)
    return result


def run_steps(one: Check, result: Result, without: frozenset[str]) -> None:
    def step(name: str, action: Callable[[], Outcome]) -> None:
        if name not in without:
            result.steps[name] = attempt(action)

    for approach in APPROACHES:
        step(approach, lambda approach=approach: one.quantize(approach))
    if "dynamic" in one.made:
        result.share, result.left = share_and_left(one.model, one.made["dynamic"])
    saved = [
        approach for approach in one.made if attempt(lambda name=approach: save(one, name, result)).verdict == RIGHT
    ]
    step("load", lambda: worst(load(one, name, result) for name in one.made))
    step("stock", lambda: worst(stock(one, name, result.format) for name in saved))
    step("optimize", lambda: worst(optimized(one, name, result.format) for name in saved))
    step("bf16", lambda: bf16(one))
    for kind in PRUNING:
        step(kind, lambda kind=kind: pruned(one.model, kind, one.inputs))
    step("onnx", lambda: on_onnxruntime(one))


def stock(one: Check, approach: str, format: str) -> Outcome:
    """What plain transformers makes of the checkpoint, in a process without this package."""
    if format != "compressed-tensors":
        return Outcome(REFUSED, note="a checkpoint in our own format needs inc_hf")
    outputs = stock_outputs(type(one.model), one.folder / approach, one.inputs)
    if approach == "weight_only":  # its products are in float on both sides
        return judged(difference(outputs, one.outputs[approach]), SAME)
    return one.on_other_kernels(outputs, approach)


LOADING = ("load", "stock", "optimize", "bf16")


def excuse_loading(one: Check, result: Result) -> None:
    """What is wrong with the float model, too, is no fault of this package."""
    failed = [name for name in LOADING if name in result.faults]
    if failed and (reason := one.survives_transformers()):
        for name in failed:
            result.steps[name] = Outcome(REFUSED, note=f"transformers does not load the float model: {reason}")


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    found = list(outcomes)
    if not found:
        return Outcome(REFUSED, note="no quantized model was saved")
    order = (RIGHT, REFUSED, FAULT)
    return max(found, key=lambda outcome: (order.index(outcome.verdict), outcome.error or 0))


def save(one: Check, approach: str, result: Result) -> Outcome:
    quantized = one.made[approach]
    quantized.save_pretrained(one.folder / approach)
    config = quantized.model.config.quantization_config
    result.format = str((config if isinstance(config, dict) else config.to_dict())["quant_method"])
    return Outcome(RIGHT)


def load(one: Check, approach: str, result: Result) -> Outcome:
    if not (one.folder / approach).is_dir():
        save(one, approach, result)
    return one.against_made(one.load(approach), approach, SAME)


def optimized(one: Check, approach: str, format: str) -> Outcome:
    """What we loaded, and what transformers loaded where the format is one that it knows."""
    outcomes = [one.on_other_kernels(outputs_of(optimize(one.load(approach)), one.inputs), approach)]
    if format == "compressed-tensors":
        plain = optimize(one.load_plainly(approach), fuse=False)
        outcomes.append(one.on_other_kernels(outputs_of(plain, one.inputs), approach))
    return worst(outcomes)


def bf16(one: Check) -> Outcome:
    mixed = mix_precision.fit(copy.deepcopy(one.model))
    outputs = outputs_of(mixed.model, one.inputs)
    outcome = one.against_float(
        outputs, FLOAT_BOUND["bf16"], lambda: difference(halved_outputs(one.model, one.inputs), one.expected)
    )
    mixed.save_pretrained(one.folder / "bf16")
    error = difference(outputs_of(one.load("bf16"), one.inputs), outputs)
    return outcome if error <= SAME_IN_BF16 else Outcome(FAULT, error, "loaded again it is another model")


def on_onnxruntime(one: Check) -> Outcome:
    if "dynamic" not in one.made:
        return Outcome(REFUSED, note="there is no quantized model")
    quantized = one.made["dynamic"].model
    files = export_model(quantized, one.folder / "onnx")
    config = type(quantized.config).from_dict(quantized.config.to_dict())  # saving has made its dtype a word
    running = from_files(type(one.model), config, files, "onnxruntime")
    got = outputs_of(running, one.inputs)
    bound = max(OTHER_KERNELS, one.errors.get("dynamic", 0.0))
    return judged(difference(got[:1], one.outputs["dynamic"][:1]), bound)
