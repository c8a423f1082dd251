"""`Quantization` of INC 1.X."""

from collections.abc import Callable
from typing import Any

from inc_hf import quantization
from inc_hf.config import QuantizationAwareTrainingConfig
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.experimental.component import Component
from inc_hf.experimental.conf_classes import Quantization_Conf
from inc_hf.experimental.conf_data import loader_of
from inc_hf.experimental.options import options_of_conf
from inc_hf.experimental.train import Training
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.translate import post_training_config, quantization_aware_config
from inc_hf.results.compressed import CompressedModel
from inc_hf.results.quantized import QuantizedModel

QAT = "quant_aware_training"


class Quantization(Component):
    """Quantizes a model after training, see `inc_hf.quantization.fit`, or while it trains, see [`Component`].

    ```python
    quantizer = Quantization("conf.yaml")
    quantizer.model = model
    quantizer.calib_dataloader = dataloader
    quantizer.eval_func = eval_func
    quantized = quantizer.fit()
    quantized.save("out")
    ```

    Attributes:
        calib_dataloader: batches for static activations; what to train on, where the approach trains.
        q_func, calib_func: instead of it, runs the model on calibration data, or trains it, without any hook.
        objective (`str`): what is made best among the models that meet the goal.
    """

    conf_class = Quantization_Conf

    def __init__(self, conf_fname_or_obj: Any = None):
        super().__init__(conf_fname_or_obj)
        self.calib_dataloader: Any = None
        self.q_func: Callable | None = None

    @property
    def calib_func(self) -> Callable | None:
        return self.q_func

    @calib_func.setter
    def calib_func(self, function: Callable | None) -> None:
        self.q_func = function

    @property
    def objective(self) -> Any:
        return self.cfg.tuning.objective

    @objective.setter
    def objective(self, objective: Any) -> None:
        if not isinstance(objective, str):
            raise UsageTypeError(
                f"`objective` must be the name of one, got {type(objective).__name__}; classes of your own are not "
                "taken: let `eval_func` return what is to be made best."
            )
        self.cfg.tuning.pop("multi_objectives", None)
        self.cfg.tuning.objective = objective

    @property
    def trains(self) -> bool:
        """Whether this is quantization-aware training."""
        return self.sections().quantization.approach == QAT

    def pre_process(self) -> None:
        if self.trains:
            super().pre_process()
            return
        sections = self.sections()
        self._raw_model()
        self._evaluation = self.tuning_evaluation(sections)

    def execute(self) -> QuantizedModel | CompressedModel:
        if self.trains:
            return super().execute()
        sections = self.sections()
        calibration = self._calibration(sections)
        with options_of_conf(sections):
            return quantization.fit(
                self._raw_model(), post_training_config(sections), **calibration, **self._evaluation
            )

    def _calibration(self, sections: Sections) -> dict[str, Any]:
        if self.q_func is not None:
            return {"calib_func": self.q_func}
        if self.calib_dataloader is not None:
            return {"calib_dataloader": self.calib_dataloader}
        if sections.quantization.approach == "post_training_dynamic_quant":
            return {}
        section = sections.quantization.calibration
        loader = loader_of(section and section.dataloader, "quantization.calibration")
        if loader is None:
            raise UsageError(
                f"`{sections.quantization.approach}` needs calibration data: set `calib_dataloader` or `q_func`, or "
                "`quantization.calibration.dataloader` in the conf; `post_training_dynamic_quant` needs none."
            )
        return {"calib_dataloader": loader}

    def configs(self, steps_per_epoch: int | None) -> list[QuantizationAwareTrainingConfig]:
        return [quantization_aware_config(self.sections())]

    def _planned(self) -> Training | None:
        self.train_func = self.train_func or self.q_func
        self.train_dataloader = self.calib_dataloader if self.train_dataloader is None else self.train_dataloader
        return super()._planned()

    def __repr__(self) -> str:
        return "Quantization"
