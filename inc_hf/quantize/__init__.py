"""Post-training quantization by module swap: prepare, calibrate, convert."""

from inc_hf.quantize.resolve import resolve_schemes
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme
from inc_hf.quantize.workflow import calibrate, convert, prepare

__all__ = ["ActivationScheme", "Scheme", "WeightScheme", "calibrate", "convert", "prepare", "resolve_schemes"]
