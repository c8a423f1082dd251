"""Gradients past what rounds: those of the float layer of the same weight (straight-through estimator)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class StraightThrough(torch.autograd.Function):
    """`rounded_forward` of a module, and the gradients of its `float_forward`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor | None, module: nn.Module) -> Tensor:
        """The result of the integers; `bias` is that of the module, for its gradient."""
        ctx.module = module
        ctx.save_for_backward(x, bias)
        return module.rounded_forward(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Of the input and the bias, as far as they need one."""
        x, bias = (None if tensor is None else tensor.detach() for tensor in ctx.saved_tensors)
        wanted = [
            t.requires_grad_() for t, needs in ((x, ctx.needs_input_grad[0]), (bias, ctx.needs_input_grad[1])) if needs
        ]
        with torch.enable_grad():
            y = ctx.module.float_forward(x, bias)
        found = iter(torch.autograd.grad(y, wanted, gradient))
        of_x, of_bias = (next(found) if needs else None for needs in ctx.needs_input_grad[:2])
        return of_x, of_bias, None


def needs_gradients(x: Tensor, bias: Tensor | None) -> bool:
    """Whether a result is to be differentiated."""
    return torch.is_grad_enabled() and (x.requires_grad or (bias is not None and bias.requires_grad))
