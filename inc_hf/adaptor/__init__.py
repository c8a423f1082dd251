"""INC 2.X's `neural_compressor.adaptor`, as far as scripts use it."""

from inc_hf.config.elsewhere import PART_OF_INC, elsewhere

__all__ = ["FRAMEWORKS"]

FRAMEWORKS = {
    name: elsewhere(f"FRAMEWORKS[{name!r}]", PART_OF_INC) for name in ("pytorch", "pytorch_fx", "pytorch_ipex")
}
