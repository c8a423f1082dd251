"""Whether the user chose a field, or left it out: afterwards it looks like the default."""

from typing import Any, ClassVar

from inc_hf.config.base import ConfigMixin


class NotesGiven(ConfigMixin):
    """A config that knows whether its first field, `NOTED`, was given, at once or later. What is left out stays left
    out in `to_dict`, and so in what is written and read again."""

    NOTED: ClassVar[str]

    def __new__(cls, *args: Any, **kwargs: Any):
        config = super().__new__(cls)
        config._given = bool(args) or cls.NOTED in kwargs
        return config

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == self.NOTED and self._is_made:
            self._given = True

    def is_given(self) -> bool:
        """Whether it was given; what is no default must have been."""
        return self._given or self[self.NOTED] != type(self).__dataclass_fields__[self.NOTED].default

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        if not self.is_given():
            del values[self.NOTED]
        return values
