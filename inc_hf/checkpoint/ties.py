"""What a model ties by its config must still be one tensor, or transformers could not load it."""

from typing import TYPE_CHECKING

from inc_hf.errors import UsageError
from inc_hf.quantize.nn import quantized_modules

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def check_ties(model: "PreTrainedModel") -> None:
    """Raise ValueError if weights that are tied no longer are.

    Biases (that of a masked LM is its decoder's, too) stay in float on both sides.
    """
    quantized = quantized_modules(model)
    for target, source in dict(getattr(model, "all_tied_weights_keys", {})).items():
        if not (target.endswith(".weight") and source.endswith(".weight")):
            continue
        modules = [quantized.get(key.rpartition(".")[0]) for key in (target, source)]
        addresses = {None if module is None else module.codes.data_ptr() for module in modules}
        if len(addresses) > 1:
            raise UsageError(
                f"`{target}` and `{source}` share one weight, but were quantized differently; "
                "give both the same scheme, or keep both in float."
            )
