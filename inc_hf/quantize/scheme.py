"""What one module gets: plain data, resolved from a config once, JSON in the checkpoint."""

from dataclasses import asdict, dataclass, replace
from typing import Any

ALWAYS = ("num_bits", "per_channel")  # fields of weights that have always been there
NOT_ROUNDED = "float32"  # what dynamic scales were before they had a `scale_dtype`


@dataclass(frozen=True)
class WeightScheme:
    """Integer weights: `num_bits` (2 to 8) and one scale per output channel or per tensor.

    Those of products can be asymmetric, with a zero point beside each scale, and have several scales per output
    channel, one for each `group_size` consecutive inputs; -1 is all of them. Kernels take neither (`is_plain`).
    `corrected` ones have the mean and the standard deviation of the float weights, see `correct`.
    """

    num_bits: int = 8
    per_channel: bool = True
    corrected: bool = False
    symmetric: bool = True
    group_size: int = -1

    @property
    def is_plain(self) -> bool:
        """Whether the kernels and other formats know such weights: symmetric, with a scale per channel or tensor."""
        return self.symmetric and self.group_size == -1

    def groups_of(self, inputs: int) -> int:
        """How many scales an output channel of so many inputs has."""
        return 1 if self.group_size == -1 else max(1, inputs // self.group_size)


@dataclass(frozen=True)
class ActivationScheme:
    """Integer activations.

    Dynamic: symmetric, one scale per token, computed at run time. Static: one scale (and, if not `symmetric`, one
    zero point) per tensor, computed by `observer` during calibration.

    `scale_dtype` is the precision that dynamic scales are rounded to: "bfloat16" makes the integers independent of the
    last bit of the input (see `ops.per_token_scale`); checkpoints made elsewhere have "float32".
    """

    num_bits: int = 8
    dynamic: bool = True
    symmetric: bool = True
    observer: str = "minmax"
    scale_dtype: str = "bfloat16"


@dataclass(frozen=True)
class Scheme:
    """Weights and activations of one module; `activation=None` leaves the activations in float (weight-only).

    `smooth_alpha` moves outliers of the input from the activations into the weights, see `smoothquant`. Several of
    them are a choice that `convert` makes, see `alpha`.
    """

    weight: WeightScheme
    activation: ActivationScheme | None = None
    smooth_alpha: float | tuple[float, ...] | None = None

    @property
    def alphas(self) -> tuple[float, ...]:
        """Alphas to choose from; empty if there is no choice."""
        return self.smooth_alpha if isinstance(self.smooth_alpha, tuple) else ()

    @property
    def is_static(self) -> bool:
        return self.activation is not None and not self.activation.dynamic

    @property
    def needs_calibration(self) -> bool:
        return self.is_static or self.smooth_alpha is not None

    def with_observer(self, observer: str) -> "Scheme":
        """The same scheme, its static activations calibrated by another observer."""
        return replace(self, activation=replace(self.activation, observer=observer))

    def to_dict(self) -> dict[str, Any]:
        """JSON, of weights only what is unusual beside bits and granularity, so that older versions read the rest."""
        weight = {k: v for k, v in asdict(self.weight).items() if k in ALWAYS or v != getattr(WeightScheme, k)}
        return {**asdict(self), "weight": weight}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Scheme":
        """What `to_dict` gave, of an older version, too: fields that are absent were not there yet."""
        activation, alpha = data.get("activation"), data.get("smooth_alpha")
        return cls(
            WeightScheme(**data["weight"]),
            ActivationScheme(**{"scale_dtype": NOT_ROUNDED, **activation}) if activation else None,
            tuple(alpha) if isinstance(alpha, list) else alpha,  # JSON has no tuples
        )
