"""Performance mode of the examples."""

import argparse

from tiny_task import accuracy, bert

parser = argparse.ArgumentParser()
parser.add_argument("--performance", action="store_true")
parser.add_argument("--accuracy", action="store_true")
parser.add_argument("--iters", default=3, type=int)
args = parser.parse_args(["--performance"])

new_model = bert()
if args.performance or args.accuracy:
    new_model.eval()
    if args.performance:
        from neural_compressor.benchmark import fit
        from neural_compressor.config import BenchmarkConfig

        b_conf = BenchmarkConfig(warmup=1, iteration=args.iters, cores_per_instance=1, num_of_instance=1)
        fit(new_model, b_conf, b_func=accuracy)
    else:
        accuracy(new_model)
