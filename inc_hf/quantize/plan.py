"""What is known of a module between `prepare` and `convert`."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from inc_hf.errors import UsageError
from inc_hf.quantize.functional import activation_qparams
from inc_hf.quantize.kept_rows import KeptRows
from inc_hf.quantize.observer import MinMaxObserver, build_observer
from inc_hf.quantize.probe import first_input
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.smoothquant import ChannelRange, smoothing_factors
from inc_hf.quantize.sources import Sources
from inc_hf.quantize.tokens import Tokens


class Plan:
    """What `prepare` attaches to a module: its scheme, the observer of its input, and the hook that feeds it."""

    def __init__(
        self,
        name: str,
        scheme: Scheme,
        tokens: Tokens,
        input_ndim: int | None = None,
        sources: Sources | None = None,
        corrects_bias: bool = False,
    ):
        self.name = name
        self.tokens, self.sources = tokens, sources
        self.scheme = scheme
        self.channels = ChannelRange() if scheme.smooth_alpha is not None else None
        observes = scheme.is_static and self.channels is None
        self.observer: MinMaxObserver | None = build_observer(scheme.activation) if observes else None
        self.corrects_bias = corrects_bias
        self.rows = KeptRows() if scheme.alphas or corrects_bias else None
        self.source: int | None = None  # the tensor that it reads, by `Sources`
        self.factors: Tensor | None = None  # of its inputs, once they are chosen
        self.output_factors: Tensor | None = None  # that its outputs are divided by, see `fold`
        self.input_ndim = input_ndim
        self.hook: RemovableHandle | None = None

    def attach(self, module: nn.Module) -> None:
        """Put the plan on the module, and let it see the inputs."""
        self.tokens.attach()
        self.hook = module.register_forward_pre_hook(self._see, with_kwargs=True)
        module.quantization_plan = self

    def _see(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        x = first_input(args, kwargs)
        self.input_ndim = x.ndim
        if not self.scheme.needs_calibration and self.rows is None:
            return
        if self.source is None and self.sources is not None:
            self.source = self.sources.number_of(x)
        x = self.tokens.rows(self.name, module, x)
        if not x.numel():
            return
        if not x.isfinite().all():
            raise UsageError(
                f"An input of `{self.name}` has NaN or infinite values; check the FP32 model and the calibration data."
            )
        if self.observer is not None:
            self.observer(x)
        if self.channels is not None:
            self.channels.update(x)
        if self.rows is not None:
            self.rows.update(x)

    @property
    def lacks_data(self) -> bool:
        """Whether calibration has still to come."""
        statistics = self.observer or self.channels
        return statistics is not None and not statistics.has_data

    def choose(self, alpha: float | None, factors: Tensor | None) -> None:
        """Smooth the input by these factors, which are those of `alpha`; None leaves it as it is."""
        self.scheme = replace(self.scheme, smooth_alpha=alpha)
        self.factors = factors

    def fold(self) -> None:
        """Take the factors as those that the inputs have been divided by before they come."""
        self.scheme = replace(self.scheme, smooth_alpha=None)

    def smoothing_factors(self, weight: Tensor) -> Tensor | None:
        """What the input is divided by and the weight, of shape `(out_features, in_features)`, multiplied."""
        if self.scheme.smooth_alpha is None or self.factors is not None:
            return self.factors
        return smoothing_factors(self.channels.amax, weight, self.scheme.smooth_alpha)

    def span(self, factors: Tensor | None) -> tuple[float, float] | None:
        """The range of static activations; of a smoothed input, its extremes."""
        if not self.scheme.is_static:
            return None
        if self.channels is None:
            return self.observer.range()
        return self.channels.smoothed(torch.ones_like(self.channels.low) if factors is None else factors)

    def activation_qparams(self, factors: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Static scale and zero point."""
        activation = self.scheme.activation
        return activation_qparams(*self.span(factors), activation.symmetric, activation.num_bits)

    def stop(self) -> None:
        """See no more inputs."""
        if self.hook is not None:
            self.hook.remove()
            self.tokens.detach()
            self.hook = None

    def detach(self, module: nn.Module) -> None:
        """Take the plan and its hook off the module."""
        self.stop()
        del module.quantization_plan
