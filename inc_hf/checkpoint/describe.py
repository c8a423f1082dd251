"""The `quantization_config` of a converted model, in the format that can express it."""

import functools
import logging
from typing import Any, Literal

from torch import nn

from inc_hf.checkpoint.compressed_tensors import NotExpressibleError, from_compressed_tensors, to_compressed_tensors
from inc_hf.checkpoint.conversions import names_entry
from inc_hf.checkpoint.sparse import Sparse, form_of, forms_in
from inc_hf.checkpoint.validate import CheckpointError
from inc_hf.errors import UsageError
from inc_hf.matching.patterns import nearest
from inc_hf.quantize.nn import QLinear, op_type, quantized_modules, weight_matrix
from inc_hf.quantize.resolve import tied_names
from inc_hf.quantize.scheme import Scheme

logger = logging.getLogger(__name__)

Format = Literal["compressed-tensors", "inc"]
FORMAT_VERSION = 2  # since weights with many zeros are stored without them
SCALE_DTYPES = ("float32", "bfloat16", "float16")


def quantization_config_of(model: nn.Module, format: Format | None = None) -> dict[str, Any]:
    """`quantization_config` of a converted model.

    Args:
        format (`str`, *optional*): "compressed-tensors" or "inc"; None takes compressed-tensors where it can express
            every module, and otherwise "inc", saying why.

    Raises:
        ValueError: an unknown format, a model that is not quantized, or one that the format cannot express.
    """
    if format not in (None, "compressed-tensors", "inc"):
        raise UsageError(f"`format` must be 'compressed-tensors', 'inc' or None, got {format!r}.")
    if not quantized_modules(model):
        raise UsageError("The model is not quantized; call `IncQuantizer.quantize` or `convert` first.")
    if format == "inc":
        return to_inc(model)
    try:
        return to_compressed_tensors(model)
    except NotExpressibleError as error:
        if format is not None:
            raise
        _say_once(f"Saved as quant_method 'inc', which needs `import inc_hf` to load: {error}")
        return to_inc(model)


@functools.cache
def _say_once(message: str) -> None:
    """A model is described when it is converted and when it is saved; one word about its format is enough."""
    logger.info(message)


def to_inc(model: nn.Module) -> dict[str, Any]:
    """`quantization_config` of quant_method "inc": each distinct scheme with the names of its modules, and the form of
    the weights that are stored without their zeros. Without any, versions before the second read it, too."""
    groups: list[dict[str, Any]] = []
    for name, module in quantized_modules(model).items():
        scheme = module.scheme.to_dict()
        group = next((group for group in groups if group["scheme"] == scheme), None)
        if group is None:
            group = {"scheme": scheme, "modules": []}
            groups.append(group)
        group["modules"].append(name)
    return {"quant_method": "inc", **with_forms(sparse_forms(model)), **names_entry(model), "groups": groups}


def with_forms(forms: dict[str, Sparse]) -> dict[str, Any]:
    """What a `quantization_config` says of the weights that are stored without their zeros, and its version."""
    if not forms:
        return {"format_version": 1, "sparse": {}}
    return {"format_version": FORMAT_VERSION, "sparse": {name: form.to_list() for name, form in forms.items()}}


def sparse_forms(model: nn.Module) -> dict[str, Sparse]:
    """Name of a Linear layer -> the form in which its zeros cost little, if it has enough of them."""
    tied = {name for names in tied_names(model) for name in names}
    modules = {name: m for name, m in quantized_modules(model).items() if isinstance(m, QLinear) and name not in tied}
    forms = {name: form_of(module.codes, module.scheme.weight.num_bits) for name, module in modules.items()}
    return {name: form for name, form in forms.items() if form is not None}


def schemes_of_config(config: dict[str, Any], model: nn.Module) -> dict[str, tuple[Scheme, int | None]]:
    """Module name -> (scheme, input_ndim), for either format and a float (or meta) model.

    Raises:
        CheckpointError: the config is malformed, of an unknown version, or names what the model lacks.
    """
    try:
        is_inc = config["quant_method"] == "inc"
        found = _schemes_of_inc(config, model) if is_inc else from_compressed_tensors(config, model)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CheckpointError(f"The `quantization_config` of the checkpoint is malformed: {error!r}.") from error
    for name, (scheme, _) in found.items():
        _check_scheme(name, scheme)
    for name, form in forms_in(config).items():
        _check_form(name, form, model if name in found else None)
    return found


def _check_form(name: str, form: Sparse, model: nn.Module | None) -> None:
    module = model and model.get_submodule(name)
    shape = weight_matrix(module).shape if op_type(module) in ("Linear", "Conv1D") else None
    if shape is None or not form.fits(tuple(shape)):
        raise CheckpointError(
            f"The checkpoint stores `{name}` without its zeros, as {form.to_list()}, which does not fit the model."
        )


def _check_scheme(name: str, scheme: Scheme) -> None:
    for part in filter(None, (scheme.weight, scheme.activation)):
        if type(part.num_bits) is not int or part.num_bits not in range(2, 9):
            raise CheckpointError(f"`{name}`: integers have 2 to 8 bits, the checkpoint says {part.num_bits!r}.")
    dtype = "float32" if scheme.activation is None else scheme.activation.scale_dtype
    if dtype not in SCALE_DTYPES:
        raise CheckpointError(f"`{name}`: scales are {', '.join(SCALE_DTYPES)}, the checkpoint says {dtype!r}.")


def _schemes_of_inc(config: dict[str, Any], model: nn.Module) -> dict[str, tuple[Scheme, int | None]]:
    if config["format_version"] not in range(1, FORMAT_VERSION + 1):
        raise CheckpointError(
            f"The checkpoint has format version {config['format_version']}, this inc_hf reads 1 to {FORMAT_VERSION}; "
            "upgrade with `pip install -U inc-hf`."
        )
    kinds = {name: op_type(module) for name, module in model.named_modules()}
    found = {}
    for group in config["groups"]:
        for name in group["modules"]:
            if kinds.get(name) is None:
                raise CheckpointError(
                    f"The checkpoint quantizes `{name}`, which the model lacks{nearest(name, kinds)}"
                )
            found[name] = Scheme.from_dict(group["scheme"]), None
    return found
