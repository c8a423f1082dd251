"""`Postprocess` of INC 1.X: what makes predictions of a model's outputs."""

from typing import Any


class Postprocess:
    """A class of the user's, called with `(outputs, labels)`; it returns the pair that the metric gets.

    Args:
        postprocess_cls (`type`): what is made and called.
        name (`str`, *optional*, defaults to `"user_postprocess"`): of it.
        kwargs: what the class is made with.
    """

    def __init__(self, postprocess_cls: Any, name: str = "user_postprocess", **kwargs: Any):
        self.postprocess_cls, self.name, self.kwargs = postprocess_cls, name, kwargs

    def make(self) -> Any:
        """A new one, or the object that was given instead of a class."""
        cls = self.postprocess_cls
        return cls(**self.kwargs) if isinstance(cls, type) else cls
