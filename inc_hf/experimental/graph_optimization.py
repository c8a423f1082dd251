"""INC 1.X's `neural_compressor.experimental.graph_optimization`."""

from inc_hf.experimental.refused import Graph_Optimization, GraphOptimization

__all__ = ["GraphOptimization", "Graph_Optimization"]
