"""Which modules read one and the same tensor."""

import weakref

from torch import Tensor


class Sources:
    """Numbers the tensors that modules are called on, as long as they live. Not only the last few: then it would hang
    on which other modules are looked at whether two of them read the same."""

    def __init__(self) -> None:
        self.living: list[tuple[weakref.ref, int]] = []
        self.count = 0

    def number_of(self, x: Tensor) -> int:
        """Equal for the same tensor."""
        self.living = [(reference, number) for reference, number in self.living if reference() is not None]
        for reference, number in self.living:
            if reference() is x:
                return number
        self.count += 1
        self.living.append((weakref.ref(x), self.count))
        return self.count
