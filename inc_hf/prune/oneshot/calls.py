"""Calls of the blocks of a model, recorded so that each block can be run by itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from inc_hf.config.arguments import check_takes

HIDDEN = "hidden_states"  # what blocks call that argument


def run(model: nn.Module, batch: Any) -> Any:
    """Call the model with a mapping, a tuple or list of positions, or one tensor; without a cache."""
    if not isinstance(batch, Mapping | tuple | list):
        return model(batch)
    is_named = isinstance(batch, Mapping)
    inputs = {k: False if k == "use_cache" else value for k, value in batch.items()} if is_named else tuple(batch)
    try:
        return model(**inputs) if is_named else model(*inputs)
    except TypeError:
        check_takes(model, inputs)
        raise


@contextmanager
def inference_of(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no cache of keys and values inside the block, as they were after it."""
    training = [module for module in model.modules() if module.training]
    configs = {id(c): c for m in model.modules() if getattr(c := getattr(m, "config", None), "use_cache", False)}
    for config in configs.values():
        config.use_cache = False
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for config in configs.values():
            config.use_cache = True


@dataclass
class BlockCalls:
    """The calls of a stack of blocks for one batch: what went into the first, and what else each of them got.

    Masks and position embeddings are the same tensors in all of `others`, so that `hidden` is what takes memory.
    """

    hidden: Tensor | None = None
    others: list[tuple[tuple, dict[str, Any]]] = field(default_factory=list)
    is_chain: bool = True  # every block took what the one before it gave, and nothing came twice

    def forward(self, blocks: list[nn.Module], i: int) -> Tensor:
        """What the `i`-th block makes of `hidden`."""
        args, kwargs = self.others[i]
        if HIDDEN in kwargs:
            return hidden_of(blocks[i](**{**kwargs, HIDDEN: self.hidden}))
        return hidden_of(blocks[i](self.hidden, *args, **kwargs))


def hidden_of(output: Any) -> Any:
    return output[0] if isinstance(output, tuple | list) else output


def record_calls(model: nn.Module, blocks: list[nn.Module], batches: Iterable[Any]) -> list[BlockCalls] | None:
    """One record per batch, or None if the blocks are not a plain chain (shared, left out, something in between)."""
    records = []
    for batch in batches:
        record = BlockCalls()
        with ExitStack() as hooks:
            last: list[Any] = [None]
            for i, block in enumerate(blocks):
                before, after = hooks_of(record, i, last)
                hooks.callback(block.register_forward_pre_hook(before, with_kwargs=True).remove)
                hooks.callback(block.register_forward_hook(after).remove)
            run(model, batch)
        if not record.is_chain or len(record.others) != len(blocks):
            return None
        records.append(record)
    return records


def hooks_of(record: BlockCalls, i: int, last: list[Any]) -> tuple[Callable, Callable]:
    """The hooks before and after the `i`-th block; `last` holds the output of the block before."""

    def before(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        hidden = args[0] if args else kwargs.get(HIDDEN)
        if HIDDEN in kwargs:
            kwargs = {**kwargs, HIDDEN: None}  # its place is kept, its value is in memory once
        follows = hidden is last[0] if i else isinstance(hidden, Tensor)
        record.is_chain &= follows and len(record.others) == i
        if i == 0:
            record.hidden = hidden
        record.others.append((args[1:], kwargs))

    def after(module: nn.Module, args: tuple, output: Any) -> None:
        last[0] = hidden_of(output)

    return before, after
