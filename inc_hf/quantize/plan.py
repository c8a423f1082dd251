"""What is known of a module between `prepare` and `convert`."""

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from inc_hf.errors import UsageError
from inc_hf.quantize.functional import activation_qparams
from inc_hf.quantize.nn import QModule
from inc_hf.quantize.observer import MinMaxObserver, build_observer
from inc_hf.quantize.probe import first_input
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.smoothquant import ChannelRange
from inc_hf.quantize.tokens import Tokens


class Plan:
    """What `prepare` attaches to a module: its scheme, the observer of its input, and the hook that feeds it."""

    def __init__(self, name: str, scheme: Scheme, tokens: Tokens, input_ndim: int | None = None):
        self.name = name
        self.tokens = tokens
        self.scheme = scheme
        self.channels = ChannelRange() if scheme.smooth_alpha is not None else None
        observes = scheme.is_static and self.channels is None
        self.observer: MinMaxObserver | None = build_observer(scheme.activation) if observes else None
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
        if not self.scheme.needs_calibration:
            return
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

    @property
    def lacks_data(self) -> bool:
        """Whether calibration has still to come."""
        statistics = self.observer or self.channels
        return statistics is not None and not statistics.has_data

    def activation_qparams(self, twin: QModule) -> tuple[Tensor, Tensor | None]:
        """Static scale and zero point; of a smoothed input, those of its extremes."""
        if self.channels is None:
            return self.observer.qparams()
        low, high = self.channels.smoothed(twin.smooth_scale)
        return activation_qparams(low, high, self.scheme.activation.symmetric, self.scheme.activation.num_bits)

    def detach(self, module: nn.Module) -> None:
        """Take the plan and its hook off the module."""
        self.hook.remove()
        self.tokens.detach()
        del module.quantization_plan
