"""Labelled data that evaluations read, known by its content once one of them has read all of it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from operator import length_hint
from typing import Any

from inc_hf.models.fingerprint import BatchesFingerprint


class Content:
    """
    Args:
        read: gives the batches from the beginning, at each call.
        about: what else a score hangs on, besides the model: plain values.

    Attributes:
        fingerprint (`str` or `None`): of all batches, once they were read; None before, and where it cannot be told.
    """

    def __init__(self, read: Callable[[], Iterable[Any]], about: dict[str, Any]):
        self.read, self.about = read, about
        self.fingerprint: str | None = None
        self.limit: int | None = None
        self._is_read = False

    def batches(self) -> Iterable[Any]:
        """For one evaluation; those of the first one are looked at as they pass."""
        source = self.read()
        return source if self._is_read and self.limit is None else _Passing(source, self)

    def look(self) -> str | None:
        """The fingerprint, for which all is read where it was not yet."""
        if not self._is_read:
            for _ in self.batches():
                pass
        return self.fingerprint

    @contextmanager
    def only(self, count: int) -> Iterator[None]:
        """Inside the block there are no more than so many batches."""
        self.limit = count
        try:
            yield
        finally:
            self.limit = None

    def end(self, fingerprint: str | None) -> None:
        """All was read."""
        self.fingerprint, self._is_read = fingerprint, True


class _Passing(Iterator[Any]):
    """Batches that are looked at as they pass."""

    def __init__(self, source: Iterable[Any], content: Content):
        self.source, self.iterator, self.content, self.count = source, iter(source), content, 0
        self.fingerprint = BatchesFingerprint()

    def __next__(self) -> Any:
        limit = self.content.limit
        if limit is not None and self.count >= limit:
            raise StopIteration
        try:
            batch = next(self.iterator)
        except StopIteration:
            if limit is None:
                self.content.end(self.fingerprint.value)
            raise
        self.count += 1
        if limit is None:
            self.fingerprint.add(batch)
        return batch

    def __length_hint__(self) -> int:
        return max(length_hint(self.source) - self.count, 0)
