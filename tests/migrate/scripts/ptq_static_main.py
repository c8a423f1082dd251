"""A main with options that selects what to do, as examples of INC 2.X have it."""

import argparse

from tiny_task import accuracy, bert, loader

parser = argparse.ArgumentParser()
parser.add_argument("--tune", action="store_true", help="int8 quantization tune with neural_compressor")
parser.add_argument("--benchmark", action="store_true")
parser.add_argument("--output_dir", default="saved_results")


def main():
    args = parser.parse_args(["--tune"])
    model = bert()

    if args.tune:
        from neural_compressor import quantization
        from neural_compressor.config import PostTrainingQuantConfig

        conf = PostTrainingQuantConfig(
            approach="static",
            calibration_sampling_size=[8],
            # stop at the first model that is good enough
            timeout=0,
            max_trials=4,
            relative=0.5,  # of the accuracy
        )
        q_model = quantization.fit(model, conf, calib_dataloader=loader(), eval_func=accuracy)
        q_model.save(args.output_dir)
        return

    if args.benchmark:
        from neural_compressor import benchmark
        from neural_compressor.config import BenchmarkConfig

        benchmark.fit(model, BenchmarkConfig(warmup=5, iteration=10, cores_per_instance=1, num_of_instance=1), b_func=accuracy)


if __name__ == "__main__":
    main()
