"""Counts how often a native operator runs."""

from torch.utils._python_dispatch import TorchDispatchMode


class Calls(TorchDispatchMode):
    """How often the encoder was called, or another operator of ours."""

    def __init__(self, name: str = "encoder"):
        super().__init__()
        self.name, self.count = f"inc_hf::{name}", 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.name() == self.name
        return func(*args, **kwargs or {})
