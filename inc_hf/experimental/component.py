"""`Component`: what trains in INC 1.X; a thin front of `inc_hf.training`."""

import logging
from collections.abc import Callable
from typing import Any, ClassVar

from torch import nn
from torch.optim import Optimizer

from inc_hf.config.arguments import check_data, check_function, check_optional_int
from inc_hf.errors import UsageError
from inc_hf.experimental.common.model import Model, wrapped
from inc_hf.experimental.conf_classes import Conf, check_task
from inc_hf.experimental.configs import Config, configs_of, counts_epochs
from inc_hf.experimental.evaluated import Evaluated
from inc_hf.experimental.hooks import Hooks
from inc_hf.experimental.loop import Loop
from inc_hf.experimental.options import options_of_conf
from inc_hf.experimental.settings import Settings
from inc_hf.experimental.train import Training, train_sections, training_of
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.results.compressed import CompressedModel
from inc_hf.training import fit, prepare_compression

logger = logging.getLogger(__name__)


class Component(Hooks, Evaluated):
    """Trains a model with what the sections of a conf ask for, see [`inc_hf.training.prepare_compression`].

    ```python
    prune = Pruning("conf.yaml")
    prune.model = model
    prune.train_func = train_func  # calls the hooks of `prune`
    prune.eval_func = eval_func
    pruned = prune.fit()
    pruned.save("out")
    ```

    Args:
        conf_fname_or_obj (*optional*): the path of a YAML file, or a conf object.

    Attributes:
        model: set it to a module, or a [`common.Model`]; gives the latter.
        train_func: trains the module that it is called with. Without one, the section `train` of the conf says how.
        train_dataloader: what to train on without a `train_func`.
        steps_per_epoch (`int`): optimizer steps of an epoch of `train_func`, where the conf counts epochs; INC has no
            such attribute. Without it, epochs are those that `on_epoch_begin` says, and masks change when one begins.
        eval_func, eval_dataloader, metric, postprocess: see [`Evaluated`].

    Raises (when something is done):
        ValueError: see the message; nothing has been changed then.
    """

    conf_class: ClassVar[type[Conf]] = Conf
    model_name: ClassVar[str] = "model"  # as scripts call it

    def __init__(self, conf_fname_or_obj: Any = None):
        Hooks.__init__(self)
        Evaluated.__init__(self)
        self.conf = self.conf_class.of(conf_fname_or_obj)
        self.train_func: Callable[[nn.Module], Any] | None = None
        self.train_dataloader: Any = None
        self.steps_per_epoch: int | None = None
        self._model: Model | None = None
        self._loop: Loop | None = None
        self._plan: Training | None = None
        self._evaluation: dict[str, Any] = {}

    @property
    def cfg(self) -> Settings:
        """The content of the conf, to read and to write."""
        return self.conf.usr_cfg

    @property
    def framework(self) -> str:
        """Always "pytorch"."""
        return "pytorch"

    @property
    def model(self) -> Model | None:
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = wrapped(model)
        self._loop = None

    @property
    def pruners(self) -> list:
        """Those of the training that runs, or was the last one."""
        callbacks = [] if self._loop is None else self._loop.manager.callbacks_list
        return [pruner for entry in callbacks for pruner in getattr(entry, "pruners", [])]

    def fit(self) -> Any:
        """Do it all; returns the model as 2.X does, whether or not it met the goal. It can be called and saved."""
        self.pre_process()
        result = self.execute()
        self.post_process()
        return result

    def __call__(self) -> Any:
        return self.fit()

    def pre_process(self) -> None:
        """Check what was set, and prepare the model."""
        self._raw_model()
        self._plan = self._planned()
        self._evaluation = self.tuning_evaluation(self.sections())
        if self._loop is not None and self._loop.has_ended:
            self._loop = None
        self.loop()

    def __repr__(self) -> str:
        return "Base Component"

    def execute(self) -> CompressedModel:
        """Train, and evaluate before and after."""
        loop = self.loop()
        try:
            with options_of_conf(self.sections()):
                return fit(loop.manager, self._run, **self._evaluation)
        finally:
            loop.close()

    def post_process(self) -> None:
        """Nothing."""

    def on_train_begin(self, dataloader: Any = None) -> None:
        if self._loop is not None and self._loop.has_ended:
            self._loop = None  # another training
        super().on_train_begin(dataloader)

    def loop(self) -> Loop:
        if self._loop is None:
            steps = self._steps_per_epoch()
            manager = prepare_compression(self._raw_model(), self.configs(steps))
            self._loop = Loop(manager, self.known_optimizer(), self.counts_epochs(steps))
        return self._loop

    def sections(self) -> Sections:
        """What the conf says now."""
        sections = self.conf.read()
        check_task(sections, self.conf_class)
        return sections

    def configs(self, steps_per_epoch: int | None) -> list[Config]:
        """What the conf asks for, as 2.X says it."""
        return configs_of(self.sections(), steps_per_epoch)

    def counts_epochs(self, steps_per_epoch: int | None) -> bool:
        """Whether the steps of the configs are epochs, since nobody knows how many steps these have."""
        return counts_epochs(self.sections(), steps_per_epoch)

    def has_training(self) -> bool:
        """Whether the conf says how to train."""
        return bool(train_sections(self, self.sections()))

    def training_of_conf(self, loader: Any = None) -> Training:
        """How to train, as the conf says."""
        return training_of(self, self.sections(), self.train_dataloader if loader is None else loader)

    def known_optimizer(self) -> Optimizer | None:
        """The optimizer, where it is known before training begins."""
        return None

    def _raw_model(self) -> nn.Module:
        if self._model is None:
            raise UsageError(f"{self!r} has no model: set `.{self.model_name}` before `fit()`.")
        return self._model.model

    def _planned(self) -> Training | None:
        """How to train, if there is no `train_func`."""
        check_function("train_func", self.train_func, "a function that trains the model")
        check_data("train_dataloader", self.train_dataloader)
        if self.train_func is None:
            return self.training_of_conf()
        found = train_sections(self, self.sections()).items()
        if idle := [f"`{where}.optimizer`" for where, section in found if section.optimizer is not None]:
            logger.warning("%s of the conf is not read: `train_func` is set, and has its own.", ", ".join(idle))
        return None

    def _steps_per_epoch(self) -> int | None:
        check_optional_int("steps_per_epoch", self.steps_per_epoch, low=1)
        if self.steps_per_epoch is not None:
            return self.steps_per_epoch
        return None if self._plan is None else self._plan.steps_per_epoch

    def _run(self, model: CompressedModel) -> None:
        loop = self.loop()
        if self._plan is not None:
            self._plan.run(model.model, self)
        elif isinstance(returned := self.train_func(model.model), nn.Module) and returned not in (model, model.model):
            logger.warning(
                "`train_func` returned another model than the one it was called with, which is the result; train that "
                "one in place."
            )
        loop.end()
