"""How a quantized model was made, in a file by which it is made again without a search (INC's `deploy.yaml`)."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.atomic import write_text
from inc_hf.config import PostTrainingQuantConfig
from inc_hf.coverage import Reason
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.matching.patterns import nearest
from inc_hf.models.fingerprint import fingerprint_of_batches
from inc_hf.quantize.nn import op_type
from inc_hf.quantize.observer import build_observer
from inc_hf.quantize.resolve import quantizable_names
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import trial_in

VERSION = 1
FILE, FOLDER = "deploy.json", "deploy"  # of the best trial; in the folder those of all, by their fingerprints


@dataclass(frozen=True)
class DeployConfig:
    """
    What [`inc_hf.quantization.fit`] takes instead of a `PostTrainingQuantConfig` to make a model again: with the same
    float model and the same calibration data the same integers, scales and zero points, and nothing is evaluated.

    Args:
        candidate ([`Candidate`]): the scheme of each module, and how many samples calibrate them.
        approach, recipes, quant_format: of the config that was searched with.
        left (`dict[str, Reason]`): the modules that could be quantized and are in float.
        folded (`bool`): whether smoothing factors went into the layers before.
        ndims (`dict[str, int]`): dimensions of the inputs of modules, as far as known.
        seed (`int`): of everything random.
        model (`str`): fingerprint of the float model's weights.
        layers (`str`, *optional*): fingerprint of names and shapes of what can be quantized in it; older files have
            none.
        batch_size, data: number of samples in the first calibration batch, and the fingerprint of all; or None.
        versions (`dict[str, str]`): of the packages that made it.
    """

    candidate: Candidate
    approach: str
    recipes: dict[str, Any]
    quant_format: str
    left: dict[str, Reason]
    folded: bool
    ndims: dict[str, int]
    seed: int
    model: str
    batch_size: int | None
    data: str | None
    versions: dict[str, str]
    layers: str | None = None

    @property
    def needs_data(self) -> bool:
        """Whether it takes calibration data to make the model."""
        return self.candidate.needs_calibration

    def config(self) -> PostTrainingQuantConfig:
        """What was asked for, as far as the file says it."""
        samples = self.candidate.calibration_samples
        sizes = {} if samples is None else {"calibration_sampling_size": [samples]}
        return PostTrainingQuantConfig(
            approach=self.approach, recipes=dict(self.recipes), quant_format=self.quant_format, **sizes
        )

    def check_model(self, model: nn.Module) -> None:
        """Raise UsageError for a model with other modules, or modules of other sizes."""
        known, names = [*self.candidate.schemes, *self.left], quantizable_names(model)
        if missing := [name for name in known if name not in names]:
            raise UsageError(
                f"The deploy file is of another model: this one has no `{missing[0]}` that could be quantized"
                f"{nearest(missing[0], names) or '.'} {len(missing)} of its {len(known)} modules are not there."
            )
        if new := [name for name in names if name not in known]:
            raise UsageError(
                f"The deploy file is of another model: it says nothing of `{new[0]}`, which this one has."
            )
        if self.layers not in (None, layers_of(model)):
            raise UsageError(
                "The deploy file is of another model: this one has modules of these names, with other sizes or types."
            )

    def doubts(self, model: str, data: str | None) -> list[str]:
        """Why the result may be another one than it was, by the fingerprints of the float model and of its data."""
        found = []
        if model != self.model:
            found.append("The model has other weights than that of the deploy file, which says nothing of its score.")
        if self.needs_data and data != self.data:
            found.append("The calibration data is not that of the deploy file, so that scales may be others.")
        return found

    def to_dict(self) -> dict[str, Any]:
        reasons: dict[Reason, list[str]] = {}
        for name, reason in self.left.items():
            reasons.setdefault(reason, []).append(name)
        left = [{"reason": r.text, "asked": r.asked, "modules": names} for r, names in reasons.items()]
        about = {key: getattr(self, key) for key in TYPES}
        candidate = {"label": self.candidate.label, **self.candidate.to_dict()}
        return {"deploy_version": VERSION, **about, **candidate, "left": left}

    def save(self, path: str | os.PathLike) -> None:
        """Write the JSON file `path`; a reader sees the old file or the new one."""
        write_text(path, json.dumps(self.to_dict(), indent=1) + "\n")

    def keep(self, workspace: Path, is_best: bool = False) -> None:
        """Write it to a workspace, as that of a trial, or as that of the best one."""
        path = workspace / FILE if is_best else _file_of(workspace, self.candidate.fingerprint)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.save(path)

    @classmethod
    def from_json_file(cls, path: str | os.PathLike, trial: int | None = None) -> "DeployConfig":
        """What a search, or `save_pretrained`, has written.

        Args:
            path: such as `workspace/deploy.json`.
            trial (`int`, *optional*): that of another trial, 1 or more, as they stand in `history.json` beside it.

        Raises:
            FileNotFoundError, ValueError, TypeError: there is no such file or trial, `trial` is no number, or it is no
                deploy file of this version.
        """
        path = Path(path) if trial is None else _file_of_trial(Path(path).parent, trial)
        with usage_error_for(f"{path} cannot be read as text"):
            text = path.read_text(encoding="utf-8")
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = error if isinstance(error, UsageError) else f"it is damaged ({error!r})."
            raise UsageError(f"{path} is no deploy file: {reason}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "DeployConfig":
        """What `to_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        values = dict(values) if isinstance(values, Mapping) else {}
        version = values.pop("deploy_version", None)
        if version is None:
            raise UsageError('it has no "deploy_version"; a search writes deploy.json to its workspace.')
        if type(version) is not int or version > VERSION:
            raise UsageError(f"it has version {version!r}, this inc_hf reads {VERSION}; `pip install -U inc-hf`.")
        left = {name: Reason(each["reason"], each["asked"]) for each in values.pop("left") for name in each["modules"]}
        own = {"layers": values.pop("layers", None), **{key: values.pop(key) for key in TYPES if key != "layers"}}
        for key, kinds in TYPES.items():
            if not isinstance(own[key], kinds) or isinstance(own[key], bool) is not (kinds is bool):
                raise UsageError(f"its {key!r} is {own[key]!r}.")
        config = cls(Candidate.from_dict(values), left=left, **own)
        _check_candidate(config.candidate, left)
        config.config()
        return config


TYPES = {
    "approach": str, "recipes": dict, "quant_format": str, "folded": bool, "ndims": dict, "seed": int, "model": str,
    "batch_size": (int, type(None)), "data": (str, type(None)), "versions": dict, "layers": (str, type(None)),
}  # fmt: skip


def layers_of(model: nn.Module) -> str:
    """Equal for models whose modules that can be quantized have the same names, types and shapes of weights."""
    layers = [(name, model.get_submodule(name)) for name in quantizable_names(model)]
    shapes = [[name, op_type(layer), [list(weight.shape) for weight in layer.parameters()]] for name, layer in layers]
    return fingerprint_of_batches([shapes])


def _check_candidate(candidate: Candidate, left: Mapping[str, Reason]) -> None:
    """Refuse what no search writes, before a model is looked at."""
    if not candidate.schemes or candidate.schemes.keys() & left.keys():
        raise UsageError("it quantizes no module, or one that it leaves in float.")
    samples = candidate.calibration_samples
    if samples is not None and (type(samples) is not int or samples < 1):
        raise UsageError(f"its 'calibration_samples' is {samples!r}.")
    for name, scheme in candidate.schemes.items():
        for part in filter(None, (scheme.weight, scheme.activation)):
            if type(part.num_bits) is not int or part.num_bits not in range(2, 9):
                raise UsageError(f"it has {part.num_bits!r} bits for `{name}`, of 2 to 8.")
            if type(part.symmetric) is not bool:
                raise UsageError(f"its 'symmetric' is {part.symmetric!r} for `{name}`.")
        size = scheme.weight.group_size
        if type(size) is not int or size < 1 and size != -1:
            raise UsageError(f"its 'group_size' is {size!r} for `{name}`; -1, or 1 and more.")
        if scheme.is_static:
            build_observer(scheme.activation)  # which names those that there are


def _file_of(workspace: Path, fingerprint: str) -> Path:
    return workspace / FOLDER / f"{fingerprint}.json"


def _file_of_trial(workspace: Path, number: int) -> Path:
    path = _file_of(workspace, trial_in(workspace, number).fingerprint)
    if not path.exists():
        raise FileNotFoundError(
            f"{workspace} does not have how trial {number} was made, {path.relative_to(workspace)}: it is of an older "
            "search, or of mixed precision."
        )
    return path
