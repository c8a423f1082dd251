"""Knowledge distillation: losses, features of inner layers, and a student whose loss includes them."""

from inc_hf.distill.criterion import build_criterion
from inc_hf.distill.forward import DistilledForward
from inc_hf.distill.signals import Criterion, Signals

__all__ = ["Criterion", "DistilledForward", "Signals", "build_criterion"]
