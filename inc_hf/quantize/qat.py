"""Quantization-aware training: layers that round their weights and inputs as the quantized model will.

The layers stay the objects that they are, and only their class changes: their parameters, names and hooks remain, so
that optimizers, pruning and checkpoints do not notice.
"""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from inc_hf.errors import UsageError
from inc_hf.quantize.fake_quantize import fake_quantize_range, fake_quantize_tokens, fake_quantize_weight
from inc_hf.quantize.nn import op_type
from inc_hf.quantize.nn.twins import with_hooks_of_its_own
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.tokens import Tokens
from inc_hf.quantize.workflow import convert, planned_modules, prepare

NO_BACKWARD = -1  # the number of the present backward pass outside of any
AVERAGING_CONSTANT = 0.01  # that of torch's MovingAverageMinMaxObserver


class MovingRange:
    """The range of a static activation: a moving average over steps, which does not change within one.

    So what gradient checkpointing computes again, and each of several batches before one step of the optimizer, are
    rounded alike.
    """

    def __init__(self) -> None:
        self.low = self.high = 0.0
        self.has_data = self.frozen = False
        self.forget()

    def forget(self) -> None:
        """Drop what was seen since the last `advance`."""
        self.seen_low, self.seen_high = float("inf"), float("-inf")

    @torch.compiler.disable
    def see(self, x: Tensor) -> None:
        """Take note of the extremes of an input."""
        if x.numel() and not self.frozen:
            low, high = (value.item() for value in torch.aminmax(x.detach().float()))
            self.seen_low, self.seen_high = min(self.seen_low, low), max(self.seen_high, high)

    def advance(self) -> None:
        """Move by what was seen in this step; the first time, all the way."""
        if self.seen_low <= self.seen_high and not self.frozen:
            share = AVERAGING_CONSTANT if self.has_data else 1.0
            self.low += share * (self.seen_low - self.low)
            self.high += share * (self.seen_high - self.high)
            self.has_data = True
        self.forget()

    def current(self) -> tuple[float, float] | None:
        """`(low, high)`, before the first `advance` that of the inputs seen so far, or None."""
        if self.has_data:
            return self.low, self.high
        return (self.seen_low, self.seen_high) if self.seen_low <= self.seen_high else None


class FakeQuantized(nn.Module):
    """What the layers below have besides: attributes that `prepare_qat` sets and `finish_qat` takes away."""

    scheme: Scheme
    input_range: MovingRange | None
    input_ndim: int | None
    float_class: type
    qat_name: str
    tokens: Tokens | None  # with static activations

    def rounded_weight(self) -> Tensor:
        return fake_quantize_weight(self.weight, self.scheme.weight)

    def rounded_input(self, x: Tensor) -> Tensor:
        """The input as the integers of the quantized layer express it."""
        self.input_ndim = x.ndim
        activation = self.scheme.activation
        if activation is None:
            return x
        if activation.dynamic:
            return self.rounded_rows(x)
        if self.training or torch.is_grad_enabled():  # some loops never call `model.train()`
            self.see(x)
        bounds = self.input_range.current()
        return x if bounds is None else fake_quantize_range(x, *bounds, activation)

    @torch.compiler.disable
    @torch.no_grad()
    def see(self, x: Tensor) -> None:
        """Take note of the range of an input, but for padding; not of one that gradient checkpointing computes again,
        when nobody knows any more what of it was padding."""
        if torch._C._current_graph_task_id() == NO_BACKWARD:
            self.input_range.see(self.tokens.rows(self.qat_name, self, x))

    def rounded_rows(self, x: Tensor) -> Tensor:
        return fake_quantize_tokens(x, self.scheme.activation)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, QAT {self.scheme}"


class QATLinear(FakeQuantized, nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.rounded_input(x), self.rounded_weight(), self.bias)


class QATConv1D(FakeQuantized):
    """That of transformers, whose weight has the shape `(in, out)`."""

    def forward(self, x: Tensor) -> Tensor:
        weight = fake_quantize_weight(self.weight.T, self.scheme.weight)
        return F.linear(self.rounded_input(x), weight, self.bias)


class QATEmbedding(FakeQuantized, nn.Embedding):
    def forward(self, ids: Tensor) -> Tensor:
        self.input_ndim = ids.ndim
        embed_scale = getattr(self, "embed_scale", 1.0)  # of BART's scaled embeddings
        if not self.scheme.weight.per_channel:
            weight = self.rounded_weight()
            return F.embedding(ids, weight, self.padding_idx) * embed_scale
        # Each row has a scale of its own, so that those which are not looked up need not be rounded.
        rows = F.embedding(ids, self.weight, self.padding_idx, scale_grad_by_freq=self.scale_grad_by_freq)
        return fake_quantize_weight(rows.view(-1, rows.shape[-1]), self.scheme.weight).view_as(rows) * embed_scale


class _QATConv(FakeQuantized):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(self.rounded_input(x), self.rounded_weight(), self.bias)

    def rounded_rows(self, x: Tensor) -> Tensor:
        """Dynamic: one scale per sample of the batch."""
        samples = x.unsqueeze(0) if x.ndim < self.weight.ndim else x
        return fake_quantize_tokens(samples.flatten(1), self.scheme.activation).view_as(x)


class QATConv1d(_QATConv, nn.Conv1d):
    pass


class QATConv2d(_QATConv, nn.Conv2d):
    pass


QAT_CLASSES = {
    "Linear": QATLinear,
    "Conv1D": QATConv1D,
    "Embedding": QATEmbedding,
    "Conv1d": QATConv1d,
    "Conv2d": QATConv2d,
}


def prepare_qat(model: nn.Module, schemes: Mapping[str, Scheme]) -> nn.Module:
    """Let the named modules round their weights and inputs as after `convert`, in place.

    Args:
        schemes: module name -> `Scheme`, as `resolve_schemes` returns them.

    Raises:
        ValueError: the model is quantized or prepared already, or a name is not a module that can be quantized. The
            model is then as it was.
    """
    prepare(model, schemes)  # for its checks, and for one list of the modules that are meant
    planned, tokens = planned_modules(model), Tokens(model)
    for name, module in planned.items():
        scheme = module.quantization_plan.scheme
        module.quantization_plan.detach(module)
        module.float_class, module.__class__ = type(module), _qat_class(module)
        module.scheme, module.input_ndim = scheme, None
        module.input_range = MovingRange() if scheme.is_static else None
        module.qat_name, module.tokens = name, tokens if scheme.is_static else None
        if scheme.is_static:
            tokens.attach()
    return model


def _qat_class(module: nn.Module) -> type:
    """The class to exchange a module's for; a weight that is computed by parametrizations stays the property it is."""
    qat_class = QAT_CLASSES[op_type(module)]
    if not is_parametrized(module):
        return qat_class
    return type(qat_class.__name__, (qat_class, type(module)), {"__module__": qat_class.__module__})


def qat_modules(model: nn.Module) -> dict[str, FakeQuantized]:
    """Name -> module of all that `prepare_qat` changed; a shared one comes once."""
    return {name: module for name, module in model.named_modules() if isinstance(module, FakeQuantized)}


def unprepare_qat(model: nn.Module) -> nn.Module:
    """Make float layers of them again, in place; their weights are as they were trained."""
    for module in qat_modules(model).values():
        module.__class__ = module.float_class
        if module.tokens is not None:
            module.tokens.detach()
        for name in ("scheme", "input_range", "input_ndim", "float_class", "qat_name", "tokens"):
            delattr(module, name)
    return model


def finish_qat(
    model: nn.Module, in_float: Collection[str] = (), float_layers: dict[str, nn.Module] | None = None
) -> nn.Module:
    """Replace the modules of `prepare_qat` by their quantized twins, in place, as post-training quantization does.

    Args:
        in_float: names of modules that become float layers again.
        float_layers (*optional*): gets the trained float layer of each of the others, which is freed otherwise.

    Raises:
        ValueError: `prepare_qat` was not called, or no static layer has seen an input.
    """
    found = qat_modules(model)
    if not found:
        raise UsageError("No module was prepared for quantization-aware training; call `prepare_qat` first.")
    schemes = {name: module.scheme for name, module in found.items() if name not in in_float}
    ndims = {name: module.input_ndim for name, module in found.items()}
    bounds = {name: module.input_range and module.input_range.current() for name, module in found.items()}
    unprepare_qat(model)
    if float_layers is not None:
        float_layers.update({name: with_hooks_of_its_own(model.get_submodule(name)) for name in schemes})
    prepare(model, schemes, ndims)
    for name, module in planned_modules(model).items():
        if bounds[name] is not None:
            observer = module.quantization_plan.observer
            observer.low, observer.high = bounds[name]
    return convert(model)
