"""The forward of a base model whose layers run on the rows of real tokens."""

import inspect
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.family import Family, Tokens, Unfit
from inc_hf.inference.encoder.prepared import Prepared
from inc_hf.inference.encoder.rows import Rows, rows_of

INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds")
TOLD_APART = ("return_dict", "output_hidden_states", "output_attentions", "use_cache")


class EncoderForward:
    """Takes the place of a model's `forward`, and of that of all its layers.

    What the encoder cannot give (attentions, gradients, masks other than padding's, another device or dtype, training,
    hooks within) the model computes as it did before. The plan is made anew when a weight was changed or unpacked.
    """

    inputs: tuple[str, ...] = INPUTS

    def __init__(self, model: nn.Module, family: Family, attention: str, kind: type[Prepared]):
        self.model, self.family, self.attention, self.kind = model, family, attention, kind
        self.__signature__ = inspect.signature(type(model).forward.__get__(model))
        self.names = tuple(self.__signature__.parameters)
        self.known = {name for name in self.inputs if name in self.names}.union(TOLD_APART)
        self._plan: Prepared | None = None
        self._unfit = ""
        self._lock = Lock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = dict(zip(self.names, args, strict=False)) | kwargs
        output = self.run(given) if self.takes(given) else None
        return type(self.model).forward(self.model, *args, **kwargs) if output is None else output

    def prepare(self) -> None:
        """Make the plan.

        Raises:
            Unfit: a module is not what the encoder computes.
        """
        self._plan = None  # let its memory go first
        self._plan = self.kind(self.model, self.family, self.attention)

    def prepared(self) -> Prepared | None:
        """The plan for the weights as they are; None if they do not fit the encoder any more. Of threads that call at
        once, the first makes it."""
        plan = self._plan
        if plan is not None and plan.is_current():
            return plan
        with self._lock:
            if self._plan is None or not self._plan.is_current():
                try:
                    self.prepare()
                except Unfit as reason:
                    self._unfit = str(reason)
                    return None
            return self._plan

    def why_not(self) -> str:
        """Why calls are left to the layers at present, whatever they ask for; nothing if they are not."""
        if self.model.training:
            return "it is in training mode; call `eval()`"
        if self.flag({}, "output_attentions"):
            return "its config asks for attentions"
        prepared = self.prepared()
        if prepared is None:
            return self._unfit
        return "there are hooks on modules in it" if prepared.has_hooks() else ""

    def takes(self, given: dict[str, Any]) -> bool:
        """Whether the encoder computes all that is asked for."""
        if self.model.training or torch.compiler.is_compiling() or torch.jit.is_tracing():
            return False
        if any(value is not None for name, value in given.items() if name not in self.known):
            return False
        if self.flag(given, "output_attentions") or not isinstance(given.get("output_hidden_states"), bool | None):
            return False
        return not torch.is_autocast_enabled("cpu") and self.takes_inputs(given)

    def takes_inputs(self, given: dict[str, Any]) -> bool:
        """Whether ids or embeddings and mask are what the encoder reads."""
        ids, embeds, mask = given.get("input_ids"), given.get("inputs_embeds"), given.get("attention_mask")
        if (ids is None) == (embeds is None):
            return False
        x = ids if embeds is None else embeds
        if not isinstance(x, Tensor) or not x.is_cpu or x.dim() != (2 if embeds is None else 3) or x.numel() == 0:
            return False
        if embeds is not None and (
            embeds.dtype != torch.float32 or (embeds.requires_grad and torch.is_grad_enabled())
        ):
            return False
        return mask is None or (isinstance(mask, Tensor) and mask.shape == x.shape[:2])

    def flag(self, given: dict[str, Any], name: str) -> bool:
        value = given.get(name)
        return bool(getattr(self.model.config, name, False) if value is None else value)

    def run(self, given: dict[str, Any]) -> Any:
        """What the model returns, or None if the encoder cannot compute it."""
        prepared = self.prepared()
        entering = None if prepared is None or prepared.has_hooks() else self.entering(given)
        if entering is None:
            return None
        hidden, rows = entering
        if hidden.dtype != torch.float32:
            return None
        if torch.is_grad_enabled() and (hidden.requires_grad or prepared.needs_gradients()):
            return None
        return self.output(hidden, rows, prepared, given)

    def entering(self, given: dict[str, Any]) -> tuple[Tensor, Rows] | None:
        """The rows that enter the first layer, and whose they are; None if the encoder does not take such."""
        ids, embeds = given.get("input_ids"), given.get("inputs_embeds")
        batch, tokens = (ids if embeds is None else embeds).shape[:2]
        rows = rows_of(batch, tokens, given.get("attention_mask"))
        positions = given.get("position_ids")
        if positions is None:
            positions = self.family.positions(self.model, ids, embeds)
        if rows is None or positions.shape[-1] != tokens:
            return None
        if self.family.has_positions and (given.get("position_ids") is not None or rows.has_holes()):
            return None
        if self.family.pooled_at is not None and rows.is_padding(self.family.pooled_at(self.model, ids)):
            return None
        parts = (ids, embeds, given.get("token_type_ids"), positions)
        return self.family.embed(self.model, Tokens(*(rows.pack(x) for x in parts)))[0], rows

    def output(self, hidden: Tensor, rows: Rows, prepared: Prepared, given: dict[str, Any]) -> Any:
        wants_all = self.flag(given, "output_hidden_states")
        found = prepared.run(hidden, rows.cu_seqlens, wants_all)
        output = self.family.result(self.model, rows.unpack(found[-1] if wants_all else found), given)
        if wants_all:
            before = [rows.unpack(x) for x in (hidden, *found[:-1])]
            last = output["last_hidden_state"] if self.family.norms_last else rows.unpack(found[-1])
            output["hidden_states"] = (*before, last)
        wants_dict = given.get("return_dict")
        return output if (self.model.config.return_dict if wants_dict is None else wants_dict) else output.to_tuple()

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles make their own plan."""
        return {name: value for name, value in vars(self).items() if name not in ("_plan", "_lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _plan=None, _lock=Lock())
