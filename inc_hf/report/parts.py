"""How large each part of a model is."""

from collections.abc import Iterable

from torch import nn

from inc_hf.checkpoint.contents import Entries
from inc_hf.checkpoint.sizes import float_bytes
from inc_hf.models.size import bytes_of
from inc_hf.report.facts import Part

Sized = tuple[str, int, int]  # name of a tensor, its bytes, its bytes in float32


def parts_of(tensors: Iterable[Sized]) -> list[Part]:
    """The parts in the order in which they come: each numbered layer is one."""
    found: dict[str, list[int]] = {}
    for name, stored, floats in tensors:
        sums = found.setdefault(part_of(name), [0, 0])
        sums[0] += stored
        sums[1] += floats
    return [Part(name, *sums) for name, sums in found.items()]


def part_of(tensor: str) -> str:
    """Which part of the model a tensor is in: its layer, such as `bert.encoder.layer.0`, or the first two names."""
    names = tensor.split(".")[:-1] or [tensor]
    number = next((i for i, name in enumerate(names) if name.isdigit()), None)
    return ".".join(names[: 2 if number is None else number + 1])


def parts_in_files(entries: Entries, weights: dict[str, int]) -> list[Part]:
    """Of the tensors in weight files.

    Args:
        weights: module -> how many numbers its weight has, where several are packed into one.
    """
    ordered = sorted(entries.items(), key=lambda item: _natural(item[0]))  # files have them by letters
    return parts_of((name, _stored(e), float_bytes(name, e, weights)) for name, e in ordered)


def parts_in_memory(model: nn.Module, quantized: nn.Module) -> list[Part]:
    """Of a quantized model and the float one that it was made of."""
    floats = _sizes(model)
    return parts_of((name, stored, floats.get(name, 0)) for name, stored in _sizes(quantized).items())


def _sizes(model: nn.Module) -> dict[str, int]:
    """Tensor -> its bytes; what several share counts for the first."""
    seen: set[int] = set()
    sizes = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen or not tensor.numel():
            sizes[name] = bytes_of([tensor])
        seen.add(tensor.data_ptr())
    return sizes


def _stored(entry: dict) -> int:
    start, end = entry["data_offsets"]
    return end - start


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Layer 2 before layer 10."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in name.split(".")]
