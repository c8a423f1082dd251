"""What `model.framework` of 1.X is here: a backend, or not for this package."""

from inc_hf.migrate.conf.sections import Conf

PYTORCH = {"pytorch": "default", "pytorch_fx": "default", "pytorch_ipex": "ipex", "NA": "default"}
# ONNX Runtime, by the format of the files that INC wrote
ONNXRUNTIME = {
    "onnxrt_integerops": "default",
    "onnxrt_integer": "default",
    "onnxrt_qlinearops": "QOperator",
    "onnxrt_qlinear": "QOperator",
    "onnxrt_qoperator": "QOperator",
    "onnxrt_qdq": "QDQ",
    "onnxrt_qdqops": "QDQ",
}
DYNAMIC_ONLY = ("onnxrt_integerops", "onnxrt_integer")
OTHERS = {
    "tensorflow": "TensorFlow",
    "tensorflow_itex": "TensorFlow with ITEX",
    "inteltensorflow": "TensorFlow",
    "itex": "TensorFlow with ITEX",
    "keras": "Keras",
    "mxnet": "MXNet",
    "engine": "Neural Engine",
}


def is_onnxruntime(conf: Conf) -> bool:
    """Whether the conf is for a file that ONNX Runtime runs."""
    return conf.model.framework in ONNXRUNTIME


def backend_of(conf: Conf) -> str:
    """`backend` of 2.X."""
    return "onnxruntime" if is_onnxruntime(conf) else PYTORCH[conf.model.framework]


def refuse_onnxruntime(conf: Conf, section: str) -> None:
    """Refuse a section that starts from an ONNX file and has no torch model behind it.

    Raises:
        ConfError: the framework is ONNX Runtime.
    """
    if is_onnxruntime(conf):
        raise conf.error(
            f"{conf.model.framework!r} changes an ONNX file; `{section}` of this package starts from a torch model. "
            "Load the model that the file was exported from, write `framework: pytorch`, and export the result with "
            "`inc-hf export`.",
            "model",
            "framework",
        )
