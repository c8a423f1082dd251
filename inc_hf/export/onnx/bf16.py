"""Weights in BF16, for models that compute in float32."""

import ml_dtypes
import numpy as np
import onnx_ir as ir


def store_in_bf16(model: ir.Model) -> int:
    """Store every float32 weight that BF16 holds exactly in BF16, with a Cast to float32 after it, in place.

    ONNX Runtime has no arithmetic in BF16 on CPUs: it converts such weights once, when it loads the file.

    Returns:
        `int`: how many weights.
    """
    found = 0
    for value in list(model.graph.initializers.values()):
        if value.dtype != ir.DataType.FLOAT or value.const_value.size < 2:
            continue
        floats = value.const_value.numpy()
        halves = floats.astype(ml_dtypes.bfloat16)
        if np.array_equal(halves.astype(np.float32), floats):
            _replace(model.graph, value, halves)
            found += 1
    return found


def _replace(graph: ir.Graph, value: ir.Value, halves: np.ndarray) -> None:
    name = value.name
    tensor = ir.tensor(halves, dtype=ir.DataType.BFLOAT16)
    stored = ir.Value(name=f"{name}/bf16", type=ir.TensorType(tensor.dtype), shape=value.shape, const_value=tensor)
    cast = ir.node("Cast", [stored], {"to": int(ir.DataType.FLOAT)})
    cast.outputs[0].name, cast.outputs[0].type, cast.outputs[0].shape = f"{name}/float", value.type, value.shape
    value.replace_all_uses_with(cast.outputs[0])
    graph.initializers.pop(name)
    graph.register_initializer(stored)
    graph.insert_before(graph[0], cast)
