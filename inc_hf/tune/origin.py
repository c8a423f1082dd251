"""What a quantized model is made from, as a deploy file says it."""

from dataclasses import dataclass

from torch import nn

from inc_hf.config import options
from inc_hf.coverage import UNKNOWN
from inc_hf.models.batches import batch_length
from inc_hf.models.fingerprint import fingerprint_of, fingerprint_of_batches
from inc_hf.quantize.coverage import FOR_THE_GOAL
from inc_hf.quantize.resolve import quantizable_names
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.deploy import DeployConfig, layers_of
from inc_hf.tune.quantization_space import QuantizationSpace
from inc_hf.version import versions

ELSEWHERE = ("layer_wise_quant_args",)  # recipes that name places of this machine


@dataclass(frozen=True)
class Origin:
    """The float model and its calibration data, looked at once for all trials, and before the model is converted.

    Args:
        names: of the modules that can be quantized.
        model, layers, data (`str`): fingerprints; no data has None.
        batch_size (`int`, *optional*): samples in the first batch.
    """

    names: list[str]
    model: str
    layers: str
    data: str | None = None
    batch_size: int | None = None

    @classmethod
    def of(cls, model: nn.Module, calibration: Calibration) -> "Origin":
        batches = calibration.batches
        about = (fingerprint_of_batches(batches), batch_length(batches[0])) if batches else ()
        return cls(quantizable_names(model), fingerprint_of(model), layers_of(model), *about)

    def deploy(self, space: QuantizationSpace, candidate: Candidate, folded: bool = False) -> DeployConfig:
        """How the model of a candidate is made."""
        names = [name for name in self.names if name not in candidate.schemes]
        reasons = {**dict.fromkeys(space.default, FOR_THE_GOAL), **space.left}
        ndims = {name: ndim for name, ndim in (space.reached or {}).items() if ndim and name in candidate.schemes}
        return DeployConfig(
            candidate=candidate,
            approach=space.conf.approach,
            recipes={key: value for key, value in space.conf.recipes.items() if key not in ELSEWHERE},
            quant_format=space.conf.quant_format,
            left={name: reasons.get(name, UNKNOWN) for name in names},
            folded=folded,
            ndims=ndims,
            seed=options.random_seed,
            model=self.model,
            layers=self.layers,
            batch_size=self.batch_size,
            data=self.data,
            versions=versions(),
        )


def space_of(deploy: DeployConfig, model: nn.Module, calibration: Calibration) -> QuantizationSpace:
    """The space that a deploy file's candidate was of, with what was found out about the model then."""
    space = QuantizationSpace(model, deploy.config(), calibration, calibration.batches)
    space.reached, space.left, space.default = deploy.ndims, dict(deploy.left), dict(deploy.candidate.schemes)
    return space
