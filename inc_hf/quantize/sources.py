"""Which modules read one and the same tensor."""

import weakref
from collections import deque

from torch import Tensor

RECENT = 8  # tensors that others may have been read between


class Sources:
    """Numbers the tensors that modules are called on, as long as they live."""

    def __init__(self) -> None:
        self.recent: deque[tuple[weakref.ref, int]] = deque(maxlen=RECENT)
        self.count = 0

    def number_of(self, x: Tensor) -> int:
        """Equal for the same tensor."""
        for reference, number in self.recent:
            if reference() is x:
                return number
        self.count += 1
        self.recent.append((weakref.ref(x), self.count))
        return self.count
