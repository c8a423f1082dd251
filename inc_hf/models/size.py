"""How much memory weights take."""

from collections.abc import Iterable

from torch import Tensor


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Bytes of all tensors; what several of them share counts once."""
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())
