"""`Distillation` of INC 1.X."""

import logging
from typing import Any

import torch
from torch.optim import Optimizer

from inc_hf.config import DistillationConfig
from inc_hf.errors import UsageTypeError
from inc_hf.evaluation.scoring import scoring
from inc_hf.experimental.common.criterion import (
    DistillationLoss,
    PyTorchIntermediateLayersKnowledgeDistillationLoss,
)
from inc_hf.experimental.common.model import Model, wrapped
from inc_hf.experimental.component import Component
from inc_hf.experimental.conf_classes import Distillation_Conf
from inc_hf.experimental.evaluated import criterion_of_conf
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.translate import distillation_config
from inc_hf.results.compressed import CompressedModel

logger = logging.getLogger(__name__)


class Distillation(Component):
    """Trains a student with a teacher, see [`Component`] and `inc_hf.DistillationConfig`.

    With an evaluation, the model is evaluated after each epoch, and that of the best epoch is the result.

    Attributes:
        student_model: the same as `model`.
        teacher_model: set it to a module, or a [`common.Model`]; gives the latter.
        criterion: a loss of `common.criterion` or of 2.X, which goes before that of the conf.
        optimizer (`torch.optim.Optimizer`): the loop's own; gives projections between layers their learning rate.
        best_score (`float`): that of the best epoch, or of the model before training.
        eval_frequency (`int`, defaults to 1): epochs from one evaluation to the next; 0 for none.
    """

    conf_class = Distillation_Conf
    model_name = "student_model"

    def __init__(self, conf_fname_or_obj: Any = None):
        super().__init__(conf_fname_or_obj)
        self._teacher: Model | None = None
        self.criterion: Any = None
        self.optimizer: Optimizer | None = None
        self.eval_frequency = 1
        self._epoch_runned = 0
        self.best_score: float = 0
        self._best: dict[str, torch.Tensor] | None = None

    @property
    def student_model(self) -> Model | None:
        return self.model

    @student_model.setter
    def student_model(self, model: Any) -> None:
        self.model = model

    @property
    def teacher_model(self) -> Model | None:
        return self._teacher

    @teacher_model.setter
    def teacher_model(self, model: Any) -> None:
        self._teacher = wrapped(model)
        self._loop = None

    def configs(self, steps_per_epoch: int | None) -> list[DistillationConfig]:
        teacher = None if self._teacher is None else self._teacher.model
        sections = self.sections()
        loss = _with_functions(sections) if self.criterion is None else self.criterion
        if loss is None:
            config = distillation_config(sections, teacher)
            config.optimizer = DistillationConfig().optimizer  # `Training` reads that of the conf, no callback does
            return [config]
        return [DistillationConfig(teacher, loss.config if isinstance(loss, DistillationLoss) else loss)]

    def known_optimizer(self) -> Optimizer | None:
        if self.optimizer is not None and not isinstance(self.optimizer, Optimizer):
            raise UsageTypeError(f"`optimizer` must be a torch.optim.Optimizer, got {type(self.optimizer).__name__}.")
        return self.optimizer

    def on_train_begin(self, dataloader: Any = None) -> None:
        super().on_train_begin(dataloader)
        baseline = self.loop().manager.model.baseline
        self._epoch_runned, self._best, self.best_score = 0, None, 0 if baseline is None else baseline

    def on_epoch_end(self) -> list:
        results = super().on_epoch_end()
        self._epoch_runned += 1
        if self._evaluation and self.eval_frequency > 0 and self._epoch_runned % self.eval_frequency == 0:
            self._keep_if_best()
        return results

    def _keep_if_best(self) -> None:
        model = self._raw_model()
        evaluate = scoring(**self._evaluation, criterion=criterion_of_conf(self.sections()))
        score = evaluate(model)
        logger.info("Epoch %d scores %.4f.", self._epoch_runned, score)
        sign = 1 if evaluate.criterion.higher_is_better else -1
        if self._best is None or sign * score >= sign * self.best_score:
            self.best_score = score
            self._best = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def _run(self, model: CompressedModel) -> None:
        super()._run(model)
        if self._best is not None:
            model.load_state_dict(self._best)
            self._best = None

    def __repr__(self) -> str:
        return "Distillation"


def _with_functions(sections: Sections) -> DistillationLoss | None:
    """The loss of inner layers of a conf that a script has put functions into, which no file can have."""
    train = sections.distillation.train
    criterion = None if train is None else train.criterion
    if criterion is None or criterion.name != "IntermediateLayersKnowledgeDistillationLoss":
        return None
    parts = [part for item in criterion.args["layer_mappings"] if isinstance(item, list) for part in item]
    return PyTorchIntermediateLayersKnowledgeDistillationLoss(**criterion.args) if any(map(callable, parts)) else None
