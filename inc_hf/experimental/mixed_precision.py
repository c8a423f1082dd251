"""`MixedPrecision` of INC 1.X."""

from typing import Any

from inc_hf import mix_precision
from inc_hf.errors import UsageError
from inc_hf.experimental.common.model import Model, wrapped
from inc_hf.experimental.conf_classes import MixedPrecision_Conf
from inc_hf.experimental.evaluated import Evaluated
from inc_hf.experimental.options import options_of_conf
from inc_hf.experimental.settings import Settings
from inc_hf.migrate.conf.translate import mixed_precision_config
from inc_hf.results.mixed import MixedModel


class MixedPrecision(Evaluated):
    """Stores weights in bfloat16, see `inc_hf.mix_precision.fit`.

    ```python
    converter = MixedPrecision()
    converter.precisions = "bf16"
    converter.model = model
    converted = converter.fit()
    ```

    Attributes:
        precisions (`str` or `list[str]`): "bf16", also among others between commas.
        input, output: of graphs of other frameworks; not used.
    """

    def __init__(self, conf_fname_or_obj: Any = None):
        super().__init__()
        self.conf = MixedPrecision_Conf.of(conf_fname_or_obj)
        self.input: Any = None
        self.output: Any = None
        self._model: Model | None = None

    @property
    def cfg(self) -> Settings:
        return self.conf.usr_cfg

    @property
    def model(self) -> Model | None:
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = wrapped(model)

    @property
    def precisions(self) -> list[str]:
        found = self.conf.read().mixed_precision
        return ["fp32"] if found is None else list(found.precisions)

    @precisions.setter
    def precisions(self, precisions: str | list[str]) -> None:
        names = precisions.split(",") if isinstance(precisions, str) else precisions
        self.cfg.mixed_precision.precisions = sorted(name.strip() for name in names)

    def fit(self) -> MixedModel:
        """Convert the model; with an evaluation, as far as it costs no accuracy."""
        sections = self.conf.read()
        if self._model is None:
            raise UsageError("MixedPrecision has no model: set `.model` before `fit()`.")
        evaluation = self.tuning_evaluation(sections)
        with options_of_conf(sections):
            return mix_precision.fit(self._model.model, mixed_precision_config(sections), **evaluation)

    def __call__(self) -> MixedModel:
        return self.fit()

    def __repr__(self) -> str:
        return "MixedPrecision"
