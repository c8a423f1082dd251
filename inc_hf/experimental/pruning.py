"""`Pruning` of INC 1.X."""

import warnings
from typing import Any

from inc_hf.config import WeightPruningConfig
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere
from inc_hf.experimental.component import Component
from inc_hf.experimental.conf_classes import Pruning_Conf
from inc_hf.experimental.configs import pruning_of

TfPruningCallback = elsewhere("TfPruningCallback", TENSORFLOW)


class Pruning(Component):
    """Prunes while a model trains, see [`Component`] and `inc_hf.WeightPruningConfig`."""

    conf_class = Pruning_Conf

    def configs(self, steps_per_epoch: int | None) -> list[WeightPruningConfig]:
        return [pruning_of(self.sections(), steps_per_epoch)]

    @property
    def pruning_func(self) -> Any:
        """Deprecated: `train_func`."""
        return self.train_func

    @pruning_func.setter
    def pruning_func(self, function: Any) -> None:
        warnings.warn("`pruning_func` is deprecated; use `train_func`.", DeprecationWarning, stacklevel=2)
        self.train_func = function

    def __repr__(self) -> str:
        return "Pruning"
