"""Intel Extension for PyTorch (IPEX): float models and our checkpoints as traced graphs, and its own quantization.

IPEX ended with 2.8, for torch 2.8, which is older than our kernels need: it lives in an environment of its own.
"""

from inc_hf.backends.ipex.build import open_session, quantize
from inc_hf.backends.ipex.require import require_ipex
from inc_hf.backends.ipex.session import IpexSession
from inc_hf.backends.ipex.trace import TraceError

__all__ = ["IpexSession", "TraceError", "open_session", "quantize", "require_ipex"]
