"""Names of INC's that scripts import beside others, and that say at their first use where to go instead."""

from typing import Any

from inc_hf.errors import UsageError

OURS = ("pytorch", "pytorch_fx", "pytorch_ipex")  # all of them are torch here
OTHERS = (
    "tensorflow", "tensorflow_itex", "tensorflow_qat", "inteltensorflow", "keras", "mxnet", "onnxruntime",
    "onnxrt_qdq", "onnxrt_qdqops", "onnxrt_qlinearops", "onnxrt_integerops", "onnxrt_qoperator",
)  # fmt: skip
TENSORFLOW = "this package is for models of PyTorch; for TensorFlow and Keras stay with `neural-compressor<3`"
MXNET = "this package is for models of PyTorch; MXNet has been retired, load its weights into a model of PyTorch"
ONNX = (
    "files of ONNX are written with `inc-hf export` or `.export(...)` of a quantized model, and run by "
    '`from_pretrained(..., backend="onnxruntime")`; to quantize a file of ONNX use `onnxruntime.quantization`'
)
PART_OF_INC = "it was an inner part of INC"


def elsewhere(name: str, instead: str) -> Any:
    """A class that stands for INC's `name`: making an object of it, or calling it as the function that it was, raises
    a [`UsageError`] with `instead`, which says what to do."""

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(f"INC's `{name}` is not here: {instead}.")

    return type(name, (), {"__new__": refuse, "__doc__": f"Not here: {instead}."})


class Absent:
    """Stands for an object of INC's that scripts import, and says at its first use what to do instead."""

    def __init__(self, name: str, instead: str):
        vars(self).update(_message=f"INC's `{name}` is not here: {instead}.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what `copy`, `inspect` and `pickle` look for
            raise AttributeError(name)
        raise UsageError(vars(self)["_message"])

    def __setattr__(self, name: str, value: Any) -> None:
        raise UsageError(vars(self)["_message"])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError(vars(self)["_message"])


def check_framework(framework: Any) -> str:
    """One of INC's names for torch, as it is.

    Raises:
        ValueError: it is another framework; the message says where to go.
    """
    if framework in OURS:
        return framework
    allowed = f"`framework` must be one of {', '.join(map(repr, OURS))}, got {framework!r}"
    if framework not in OTHERS:
        raise UsageError(f"{allowed}.")
    instead = MXNET if framework == "mxnet" else ONNX if framework.startswith("onnx") else TENSORFLOW
    raise UsageError(f"{allowed}: {instead}.")


def check_one_framework(frameworks: str) -> None:
    """Refuse a list of names, such as "pytorch, mxnet", of which none is torch."""
    names = [name.strip() for name in frameworks.split(",")]
    if not set(OURS) & set(names):
        check_framework(names[0])
