"""Quantized modules that trials have in common, so that a trial makes only those that no earlier one had.

Calibration runs the float model, whose observers only look. So what becomes of a module does not hang on what became
of the others, with two exceptions, its company: modules that share a weight share its integers, and those that read
one tensor share an alpha that they choose together. A module in other company is made anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.quantize.nn import QModule, empty_twin, op_type, weight_matrix
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.workflow import after_convert
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.space import copy_of

VARIANTS = 8  # of each module that are kept: a strategy may invent any number of them

Convert = Callable[[nn.Module, Candidate], nn.Module]


class How(NamedTuple):
    """What the numbers of a module come from, besides its scheme and its company."""

    samples: int | None
    correct_bias: bool
    calibrates: bool

    @classmethod
    def of(cls, candidate: Candidate) -> "How":
        calibrates = candidate.needs_calibration
        return cls(candidate.calibration_samples if calibrates else None, candidate.correct_bias, calibrates)


@dataclass
class Made:
    """The tensors of a quantized module, of its own; `twin` is None for one that calibration did not reach."""

    company: tuple
    twin: Mapping[str, Tensor | None] | None = None
    scheme: Scheme | None = None
    input_ndim: int | None = None


class Built:
    """Makes quantized copies of a model, bit for bit those that `convert` makes, out of modules that it has made.

    Args:
        model: the float model, which stays as it is.
    """

    def __init__(self, model: nn.Module):
        self.model = model
        self.made: dict[str, dict[tuple[How, Scheme], Made]] = {}
        self.weights: dict[str, tuple] = {}

    def build(self, candidate: Candidate, convert: Convert) -> nn.Module:
        """A quantized copy of the model, which has nothing in common with any other one.

        Args:
            convert: quantizes a copy of the float model as a candidate says, in place.
        """
        how = How.of(candidate)
        company = {name: self._company(name, candidate) for name in candidate.schemes}
        absent = [name for name in candidate.schemes if self._made(name, candidate, how, company) is None]
        if missing := _with_company(absent, company):
            part = candidate.only(missing, candidate.label)
            if len(missing) == len(candidate.schemes) or How.of(part) != how:
                return self._kept(convert(copy_of(self.model), candidate), candidate, how, company)
            try:
                self._kept(convert(copy_of(self.model), part), part, how, company)
            except UsageError:  # such as for a part that calibration does not reach; the whole may be right
                return convert(copy_of(self.model), candidate)
        found = {name: self._made(name, candidate, how, company) for name in candidate.schemes}
        if not _reaches(candidate, found):
            return convert(copy_of(self.model), candidate)  # which says what is wrong
        return _assembled(copy_of(self.model), found)

    def _made(self, name: str, candidate: Candidate, how: How, company: Mapping[str, tuple]) -> Made | None:
        made = self.made.get(name, {}).get((how, candidate.schemes[name]))
        return made if made is not None and made.company == company[name] else None

    def _company(self, name: str, candidate: Candidate) -> tuple:
        """Which of a candidate's modules have a say in what becomes of this one."""
        scheme, parent = candidate.schemes[name], name.rpartition(".")[0]
        by_weight = [n for n in self._tied(name) if n in candidate.schemes]
        if not scheme.alphas:
            return tuple((n, candidate.schemes[n]) for n in by_weight if n != name)
        readers = [n for n, s in candidate.schemes.items() if s == scheme and n.rpartition(".")[0] == parent]
        return tuple((n, candidate.schemes[n]) for n in dict.fromkeys([*readers, *by_weight]))

    def _tied(self, name: str) -> tuple:
        """Names of the modules that have the very weight of this one, itself among them."""
        if not self.weights:
            groups: dict[tuple, list[str]] = {}
            for other, module in self.model.named_modules():
                if op_type(module) is not None and "weight" in module._parameters:
                    matrix = weight_matrix(module)
                    groups.setdefault((matrix.data_ptr(), matrix.shape, matrix.stride()), []).append(other)
            self.weights = {other: tuple(names) for names in groups.values() for other in names}
        return self.weights.get(name, (name,))

    def _kept(self, model: nn.Module, candidate: Candidate, how: How, company: Mapping[str, tuple]) -> nn.Module:
        """The model, of which copies of the quantized modules are kept. What they share, the copies share."""
        copies: dict[int, Tensor] = {}
        for name, scheme in candidate.schemes.items():
            variants = self.made.setdefault(name, {})
            variants.pop((how, scheme), None)
            while len(variants) >= VARIANTS:
                del variants[next(iter(variants))]
            variants[how, scheme] = _copied(model.get_submodule(name), company[name], copies)
        return model


def _with_company(names: list[str], company: Mapping[str, tuple]) -> list[str]:
    """These modules, and all that have a say in what becomes of them, in the order of the candidate."""
    found, waiting = set(names), list(names)
    while waiting:
        others = {name for name, _ in company[waiting.pop()]} - found
        found |= others
        waiting += others
    return [name for name in company if name in found]


def _copied(twin: nn.Module, company: tuple, copies: dict[int, Tensor]) -> Made:
    if not isinstance(twin, QModule):
        return Made(company)
    tensors: dict[str, Tensor | None] = {"stored": twin.stored_weight(), "bias": getattr(twin, "bias", None)}
    tensors |= {name: b for name, b in twin._buffers.items() if name not in ("stored", "packed")}
    copied = {name: None if t is None else _copy(t, copies, name == "stored") for name, t in tensors.items()}
    return Made(company, copied, twin.scheme, getattr(twin, "input_ndim", None))


def _copy(tensor: Tensor, copies: dict[int, Tensor], is_shared: bool) -> Tensor:
    """A copy; one of all that is shared at that address."""
    if not is_shared:
        return tensor.detach().clone()
    return copies.setdefault(tensor.data_ptr(), tensor.detach().clone())


def _reaches(candidate: Candidate, found: Mapping[str, Made]) -> bool:
    """Whether calibration has reached one of the modules that need it, if there are any."""
    calibrated = [name for name, scheme in candidate.schemes.items() if scheme.needs_calibration]
    return not calibrated or any(found[name].twin is not None for name in calibrated)


@torch.no_grad()
def _assembled(model: nn.Module, found: Mapping[str, Made]) -> nn.Module:
    """The model with copies of what was made in the places of its modules, in place."""
    places: dict[int, list[str]] = {}
    for name, module in named_modules_with_duplicates(model):
        places.setdefault(id(module), []).append(name)
    firsts: dict[int, QModule] = {}
    for name, made in found.items():
        module = model.get_submodule(name)
        if made.twin is None or isinstance(module, QModule):  # the latter has two names
            continue
        twin = _twin_of(module, made, firsts)
        for place in places[id(module)]:
            model.set_submodule(place, twin)
    for action in after_convert:
        action(model)
    return model


def _twin_of(module: nn.Module, made: Made, firsts: dict[int, QModule]) -> QModule:
    """The twin of a module of the new copy, with its hooks, and the tensors that were made before."""
    with torch.device("meta"):
        twin = empty_twin(module, made.scheme)
    stored = made.twin["stored"]
    first = firsts.setdefault(stored.data_ptr(), twin)
    if first is twin:
        twin.store_weight(stored.clone())
    else:
        twin.share_weight(first)
    for name, tensor in made.twin.items():
        if name == "bias" and tensor is not None:
            twin.bias = nn.Parameter(tensor.clone(), requires_grad=False)
        elif name not in ("stored", "bias"):
            twin._buffers[name] = None if tensor is None else tensor.clone()
    if "input_ndim" in vars(twin):
        twin.input_ndim = made.input_ndim
    return twin.train(module.training)
