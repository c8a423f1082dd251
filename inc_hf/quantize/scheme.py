"""What one module gets: plain data, resolved from a config once, JSON in the checkpoint."""

from dataclasses import asdict, dataclass, replace
from typing import Any

NOT_ROUNDED = "float32"  # what dynamic scales were before they had a `scale_dtype`


@dataclass(frozen=True)
class WeightScheme:
    """Symmetric integer weights: `num_bits` (2 to 8) and one scale per output channel or per tensor."""

    num_bits: int = 8
    per_channel: bool = True


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
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Scheme":
        """What `to_dict` gave, of an older version, too: fields that are absent were not there yet."""
        activation, alpha = data.get("activation"), data.get("smooth_alpha")
        return cls(
            WeightScheme(**data["weight"]),
            ActivationScheme(**{"scale_dtype": NOT_ROUNDED, **activation}) if activation else None,
            tuple(alpha) if isinstance(alpha, list) else alpha,  # JSON has no tuples
        )
