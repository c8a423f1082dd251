"""The performance mode of 1.X."""

from neural_compressor.experimental import Benchmark, common
from tiny_task import accuracy, bert, loader

evaluator = Benchmark("conf.yaml")
evaluator.model = common.Model(bert())
evaluator.b_func = accuracy
evaluator("performance")
