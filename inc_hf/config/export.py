"""Config class of the export to ONNX."""

import logging
from dataclasses import dataclass
from typing import Any

from inc_hf.config.aliases import also_takes
from inc_hf.config.base import ConfigMixin, JsonDict
from inc_hf.config.checks import check_choice, check_int, check_string, check_strings, parse_json, wrong_type

logger = logging.getLogger(__name__)

EXPORT_DTYPES = ("int8", "fp32", "bf16")
EXPORT_FORMATS = ("QDQ", "QOperator")
OLDEST_OPSET = 18  # that the exporter of torch writes


@also_takes(recipe="biases are added in float, whatever the recipe")
@dataclass
class Torch2ONNXConfig(ConfigMixin):
    """
    How to write a model of torch as ONNX.

    Args:
        dtype (`str`, *optional*, defaults to `"int8"`):
            What the model is expected to be: `"int8"` (quantized), `"fp32"`, or `"bf16"`, whose weights are stored in
            BF16 and computed with in float32, since ONNX Runtime has no arithmetic in BF16 on CPUs.
        opset_version (`int`, *optional*, defaults to 18):
            Of the standard operators. INC's default, 14, and all others before 18 become 18 with a warning, since
            torch writes no older ones.
        quant_format (`str`, *optional*, defaults to `"QDQ"`):
            `"QDQ"` or `"QOperator"` (`"QLinear"` in older INC). Only static activations have a choice: dynamic ones
            have a scale per token, for which only integer operators serve.
        example_inputs (*optional*):
            A batch: a dict by the names of `forward`, a tuple in its order, or one tensor. None makes one up for
            models of transformers.
        input_names (`list[str]`, *optional*):
            Which inputs the file has, by their names in the model; or, as in INC, other names for its first inputs.
            None is all of the example, or what the processor of such a model gives.
        output_names (`list[str]`, *optional*):
            Which outputs the file has, or other names for the first of them. None is all that are tensors.
        dynamic_axes (`dict`, *optional*):
            `{input: {axis: name}}`, or its JSON text: axes whose length may change. None is the batch, and the length
            of texts and sounds and the size of images, where the model allows it; of an example, the batch and the
            sequence of token ids.
    """

    dtype: str = "int8"
    opset_version: int = OLDEST_OPSET
    quant_format: str = "QDQ"
    example_inputs: Any | str | None = None
    input_names: list[str] | None = None
    output_names: list[str] | None = None
    dynamic_axes: JsonDict = None

    def _check_fields(self):
        check_choice("dtype", self.dtype, EXPORT_DTYPES)
        self.opset_version = check_int("opset_version", self.opset_version, low=1)
        if self.opset_version < OLDEST_OPSET:
            logger.warning("`opset_version=%d` is too old, %d is written.", self.opset_version, OLDEST_OPSET)
            self.opset_version = OLDEST_OPSET
        if self.quant_format == "QLinear":
            self.quant_format = "QOperator"
        check_choice("quant_format", self.quant_format, EXPORT_FORMATS)
        for name in ("input_names", "output_names"):
            if self[name] is not None:
                setattr(self, name, check_strings(name, self[name]))
        if self.dynamic_axes is not None:
            given = parse_json("dynamic_axes", self.dynamic_axes, dict)
            self.dynamic_axes = {name: _check_axes(f"dynamic_axes[{name!r}]", axes) for name, axes in given.items()}


def _check_axes(where: str, axes: Any) -> dict[int, str]:
    """`{axis: name}`; a list of axes, as torch takes, names them itself. JSON has texts for the axes."""
    if isinstance(axes, list | tuple):
        axes = {axis: f"axis_{axis}" for axis in axes}
    if not isinstance(axes, dict) or not all(str(axis).isdigit() for axis in axes):
        raise wrong_type(where, "a dict `{axis: name}` with axes from 0", axes)
    return {int(axis): check_string(f"{where}[{axis}]", name) for axis, name in axes.items()}
