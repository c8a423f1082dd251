"""Which rows of a module's input belong to tokens, and which to padding."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

IGNORED = -100  # of labels
TIME_FIRST = ("xlnet", "fsmt")


class Tokens:
    """The attention masks of the call that a model is in, taken from its arguments by a hook.

    Ranges are to be the same whoever shares a batch with a sentence: padding is in no text.
    """

    def __init__(self, model: nn.Module):
        self.model = model
        config = getattr(model, "config", None)
        self.has_decoder = bool(getattr(config, "is_encoder_decoder", False))
        self.mask: Tensor | None = None
        self.decoder_mask: Tensor | None = None
        self.encoded: Tensor | None = None
        self.handles: list = []
        self.users = 0

    def attach(self) -> None:
        """One more module looks at the masks; the first one sets the hooks."""
        self.users += 1
        if self.users > 1:
            return
        self.handles = [
            self.model.register_forward_pre_hook(self._begin, with_kwargs=True),
            self.model.register_forward_hook(self._end, always_call=True),
        ]
        if self.has_decoder and (encoder := _encoder_of(self.model)) is not None:
            self.handles.append(encoder.register_forward_hook(self._encoded))

    def detach(self) -> None:
        """One less; the last one takes the hooks away, also from a model that was put back as it was."""
        self.users = max(self.users - 1, 0)
        if not self.users:
            for handle in self.handles:
                handle.remove()

    def rows(self, name: str, module: nn.Module, x: Tensor) -> Tensor:
        """What of the input `x` of a module belongs to tokens, of shape `(tokens, features)`; all of it, where no mask
        fits its shape."""
        mask = self._mask_for(name, x)
        if mask is None or bool(mask.all()):
            return x
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim == 3:  # a convolution over tokens
            x = x.transpose(1, -1) if x.ndim == 3 else x
        mask = self._of_frames(mask, x)
        if x.ndim == 3 and self._is_time_first(mask, x):
            x = x.transpose(0, 1)
        if x.ndim == 3 and x.shape[:2] == mask.shape:
            return x[mask]
        return x[mask.flatten()] if x.ndim == 2 and len(x) == mask.numel() else x

    def _is_time_first(self, mask: Tensor, x: Tensor) -> bool:
        """XLNet and the attention of Longformer have the tokens first; of a square only the model tells."""
        if mask.shape[0] != mask.shape[1]:
            return x.shape[:2] == mask.shape[::-1]
        return getattr(getattr(self.model, "config", None), "model_type", None) in TIME_FIRST

    def _mask_for(self, name: str, x: Tensor) -> Tensor | None:
        path = name.split(".")
        if any("vision" in part or "visual" in part for part in path):
            return None
        in_encoder = "encoder" in path or x is self.encoded
        return self.mask if in_encoder or not self.has_decoder else self.decoder_mask

    def _of_frames(self, mask: Tensor, x: Tensor) -> Tensor:
        """The mask of the frames that the convolutions of a model of sound make of its input, behind any of them."""
        config = getattr(self.model, "config", None)
        kernels, strides = getattr(config, "conv_kernel", None), getattr(config, "conv_stride", None)
        if not (isinstance(kernels, list | tuple) and isinstance(strides, list | tuple)) or x.ndim != 3:
            return mask
        longest, lengths = mask.shape[1], mask.sum(-1, keepdim=True)
        for kernel, stride in zip(kernels, strides, strict=False):
            if longest == x.shape[1]:
                break
            longest, lengths = (longest - kernel) // stride + 1, (lengths - kernel) // stride + 1
        return torch.arange(longest, device=mask.device) < lengths

    @torch.compiler.disable
    def _begin(self, model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        given = _by_name(model, args, kwargs)
        self.mask, self.decoder_mask = _mask_of(given, "attention_mask"), _mask_of(given, "decoder_attention_mask")
        if self.has_decoder and self.decoder_mask is None and given.get("decoder_input_ids") is None:
            # The decoder's inputs are the labels, or else the encoder's inputs, moved by one token.
            labels = given.get("labels")
            of_tokens = isinstance(labels, Tensor) and labels.ndim == 2
            self.decoder_mask = labels != IGNORED if of_tokens else self.mask

    @torch.compiler.disable
    def _end(self, *_: Any) -> None:
        self.mask = self.decoder_mask = self.encoded = None

    @torch.compiler.disable
    def _encoded(self, module: nn.Module, args: tuple, output: Any) -> None:
        self.encoded = output if isinstance(output, Tensor) else next(iter(_values(output)), None)


def _values(output: Any) -> Any:
    return output.values() if isinstance(output, Mapping) else output


def _encoder_of(model: nn.Module) -> nn.Module | None:
    named = ((name, module) for name, module in model.named_modules() if name.rpartition(".")[2] == "encoder")
    return next((module for _, module in named), None)


def _by_name(model: nn.Module, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name; those of one dict, as SentenceTransformer has it."""
    if len(args) == 1 and isinstance(args[0], Mapping):
        return {**args[0], **kwargs}
    return {**dict(zip(inspect.signature(model.forward).parameters, args, strict=False)), **kwargs}


def _mask_of(given: Mapping[str, Any], name: str) -> Tensor | None:
    """A mask of shape `(batch, tokens)` as bool; of several choices a sample, each is one of the batch."""
    mask = given.get(name)
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3):
        return None
    return mask.flatten(0, -2) != 0
