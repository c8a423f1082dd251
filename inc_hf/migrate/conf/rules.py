"""What has to hold between two keys, and what is not for this package at all."""

from inc_hf.migrate.conf.sections import Conf

ELSEWHERE = {
    "tensorflow": "TensorFlow models",
    "tensorflow_itex": "TensorFlow models",
    "inteltensorflow": "TensorFlow models",
    "keras": "Keras models",
    "mxnet": "MXNet models",
}
ONNXRUNTIME = {
    "onnxrt_integerops": "default",
    "onnxrt_integer": "default",
    "onnxrt_qlinearops": "QOperator",
    "onnxrt_qlinear": "QOperator",
    "onnxrt_qoperator": "QOperator",
    "onnxrt_qdq": "QDQ",
    "onnxrt_qdqops": "QDQ",
}
PYTORCH = {"pytorch": "default", "pytorch_fx": "default", "pytorch_ipex": "ipex", "NA": "default"}


def check_rules(conf: Conf) -> None:
    """Refuse what no 2.X config can stand for.

    Raises:
        ConfError: it does.
    """
