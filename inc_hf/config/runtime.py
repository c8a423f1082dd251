"""Config class of benchmarks, and the options of the whole process."""

import os
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from inc_hf.config.arguments import check_path
from inc_hf.config.base import ConfigMixin
from inc_hf.config.checks import check_bool, check_choice, check_int, check_string, check_strings
from inc_hf.config.quantization import BACKENDS, DEVICES
from inc_hf.errors import UsageError


@dataclass
class BenchmarkConfig(ConfigMixin):
    """
    How to measure the speed of a model.

    Args:
        inputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's inputs.
        outputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's outputs.
        backend (`str`, *optional*, defaults to `"default"`):
            The runtime, one of those of [`PostTrainingQuantConfig`].
        device (`str`, *optional*, defaults to `"cpu"`):
            Where the model runs: `"cpu"`, `"gpu"`, `"npu"` or `"xpu"`.
        warmup (`int`, *optional*, defaults to 5):
            Batches that run before the measurement, 0 or more.
        iteration (`int`, *optional*, defaults to -1):
            Batches to measure, 1 or more; -1 is all that there are.
        model_name (`str`, *optional*, defaults to `""`):
            Name of the model in logs.
        cores_per_instance (`int`, *optional*):
            Physical cores of each process, 1 or more. None shares all cores out to the processes.
        num_of_instance (`int`, *optional*, defaults to 1):
            Processes that run at the same time, 1 or more.
        inter_num_of_threads (`int`, *optional*):
            Threads that run operators side by side, 1 or more. None leaves the choice to the runtime.
        intra_num_of_threads (`int`, *optional*):
            Threads that share one operator, 1 or more. None leaves the choice to the runtime.
        diagnosis (`bool`, *optional*, defaults to `False`):
            Whether to write the time of every operator.
        ni_workload_name (`str`, *optional*, defaults to `"profiling"`):
            Name of the run in a diagnosis report.
    """

    UNREAD = ("inputs", "outputs", "ni_workload_name")

    inputs: list[str] | str = field(default_factory=list)
    outputs: list[str] | str = field(default_factory=list)
    backend: str = "default"
    device: str = "cpu"
    warmup: int = 5
    iteration: int = -1
    model_name: str = ""
    cores_per_instance: int | None = None
    num_of_instance: int = 1
    inter_num_of_threads: int | None = None
    intra_num_of_threads: int | None = None
    diagnosis: bool = False
    ni_workload_name: str = "profiling"

    def _check_fields(self):
        self.inputs = check_strings("inputs", self.inputs)
        self.outputs = check_strings("outputs", self.outputs)
        check_choice("backend", self.backend, BACKENDS)
        check_choice("device", self.device, DEVICES)
        self.warmup = check_int("warmup", self.warmup, low=0)
        self.iteration = check_int("iteration", self.iteration, low=-1)
        if self.iteration == 0:
            raise UsageError("`iteration` must be -1 (all batches) or at least 1, got 0.")
        check_string("model_name", self.model_name)
        self.num_of_instance = check_int("num_of_instance", self.num_of_instance, low=1)
        for name in ("cores_per_instance", "inter_num_of_threads", "intra_num_of_threads"):
            if self[name] is not None:
                setattr(self, name, check_int(name, self[name], low=1))
        check_bool("diagnosis", self.diagnosis)
        check_string("ni_workload_name", self.ni_workload_name)


def cache_dir() -> Path:
    """Where this package keeps what nobody has named a place for: `$INC_HF_HOME`, or `inc_hf` in `$XDG_CACHE_HOME`,
    which is `~/.cache`; for who has no home that can be written, among the temporary files."""
    home = os.environ.get("INC_HF_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "inc_hf")
    place = Path(os.path.expanduser(home))
    there = next(path for path in (place, *place.absolute().parents) if os.path.exists(path))
    if str(place).startswith("~") or not (there.is_dir() and os.access(there, os.W_OK)):
        return Path(tempfile.gettempdir()) / f"inc_hf-{os.getuid()}"
    return place


def _own_workspace() -> str:
    """Not of the time alone: processes that start in the same second must not share it."""
    return str(cache_dir() / "workspace" / time.strftime(f"%Y-%m-%d_%H-%M-%S-{secrets.token_hex(4)}"))


@dataclass
class Options(ConfigMixin):
    """
    Settings of the whole process. The package has one object of this class, `options`.

    Args:
        random_seed (`int`, *optional*, defaults to 1978):
            Seed of everything random in tuning and calibration, from 0 to 2**32 - 1.
        workspace (`str`, *optional*, defaults to `"~/.cache/inc_hf/workspace/<date and time>-<8 letters>"`):
            Directory of the tuning history and of reports; another one in each process. INC's default was in
            `./nc_workspace`. `INC_HF_HOME` stands for `~/.cache/inc_hf`.
        resume_from (`str`, *optional*):
            Tuning history of an earlier run that is to be continued.
        tensorboard (`bool`, *optional*, defaults to `False`):
            Whether a search writes its trials, and the ranges of the best one, to `tensorboard` in the workspace.
            Needs the package.
    """

    random_seed: int = 1978
    workspace: str = field(default_factory=_own_workspace)
    resume_from: str | None = None
    tensorboard: bool = False

    def _check_fields(self):
        self.random_seed = check_int("random_seed", self.random_seed, low=0, high=2**32 - 1)
        self.workspace = check_string("workspace", self.workspace)
        if self.resume_from is not None:
            check_string("resume_from", self.resume_from)
        check_bool("tensorboard", self.tensorboard)


options = Options()
_MADE_UP = options.workspace


def _renew_workspace() -> None:
    """A forked process has one of its own, unless the user chose it."""
    if options.workspace == _MADE_UP:
        options.workspace = _own_workspace()


os.register_at_fork(after_in_child=_renew_workspace)


def set_random_seed(random_seed: int) -> None:
    """Set `options.random_seed`."""
    _set_option("random_seed", random_seed)


def set_workspace(workspace: str | os.PathLike) -> None:
    """Set `options.workspace`, the directory of the tuning history and of reports."""
    check_path("workspace", workspace)
    _set_option("workspace", os.fspath(workspace))


def set_resume_from(resume_from: str | os.PathLike | None) -> None:
    """Set `options.resume_from`, the tuning history to continue; None starts anew."""
    if resume_from is not None:
        check_path("resume_from", resume_from)
    _set_option("resume_from", None if resume_from is None else os.fspath(resume_from))


def set_tensorboard(tensorboard: bool) -> None:
    """Set `options.tensorboard`."""
    _set_option("tensorboard", tensorboard)


def _set_option(name: str, value: int | str | bool | None) -> None:
    checked = Options(**{**options.to_dict(), name: value})
    setattr(options, name, checked[name])
