"""The first and the later steps of a decoder in one file, with one copy of their weights."""

import hashlib
from typing import Any

import onnx_ir as ir


def merge(first: ir.Model, later: ir.Model, switch_name: str) -> ir.Model:
    """One model that runs `later` where its input `switch_name` is true, otherwise `first`; both are used up.

    The outputs of the two have the same names.
    """
    inputs = {value.name: value for model in (later, first) for value in model.graph.inputs}
    outer = {name: ir.Value(name=name, type=value.type, shape=value.shape) for name, value in inputs.items()}
    switch = ir.Value(name=switch_name, type=ir.TensorType(ir.DataType.BOOL), shape=ir.Shape([1]))
    weights: dict[Any, ir.Value] = {}
    outputs = [ir.Value(name=v.name, type=v.type, shape=v.shape) for v in first.graph.outputs]
    branches = [_branch(model, name, outer, weights, outputs) for name, model in (("later", later), ("first", first))]
    attributes = [
        ir.AttrGraph(f"{kind}_branch", graph) for kind, graph in zip(("then", "else"), branches, strict=True)
    ]
    node = ir.Node("", "If", [switch], attributes, outputs=outputs)
    graph = ir.Graph(
        [*outer.values(), switch],
        outputs,
        nodes=[node],
        initializers=list(weights.values()),
        opset_imports=first.graph.opset_imports | later.graph.opset_imports,
        name="merged",
    )
    merged = ir.Model(graph, ir_version=max(first.ir_version, later.ir_version))
    merged.metadata_props.update(first.metadata_props)
    return merged


def _branch(
    model: ir.Model, name: str, outer: dict[str, ir.Value], weights: dict, outputs: list[ir.Value]
) -> ir.Graph:
    """The nodes of a model as a graph that reads inputs and weights of the one around it."""
    graph = model.graph
    for node in graph.all_nodes():  # a name inside must not hide one outside
        for value in node.outputs:
            value.name = f"{name}/{value.name}"
    for value in list(graph.inputs):
        value.replace_all_uses_with(outer[value.name], replace_graph_outputs=True)
    for value in list(graph.initializers.values()):
        value.replace_all_uses_with(_shared(value, weights), replace_graph_outputs=True)
    found = {value.name.removeprefix(f"{name}/"): value for value in graph.outputs}
    nodes = list(graph)
    graph.outputs.clear()
    graph.remove(nodes)
    return ir.Graph([], [found[value.name] for value in outputs], nodes=nodes, name=name)


def _shared(value: ir.Value, weights: dict[Any, ir.Value]) -> ir.Value:
    """The outer weight of the same content; the two graphs were traced apart, and name their constants differently."""
    tensor = value.const_value
    key = tensor.dtype, tuple(tensor.shape), hashlib.sha256(tensor.tobytes()).digest()
    if key not in weights:
        weights[key] = ir.Value(name=f"weights/{len(weights)}", type=value.type, shape=value.shape, const_value=tensor)
    return weights[key]
