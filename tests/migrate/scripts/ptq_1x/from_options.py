"""The conf comes from the command line."""

import argparse

from neural_compressor.experimental import Quantization, common
from tiny_task import accuracy, bert, loader

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="conf.yaml")
args = parser.parse_args([])

quantizer = Quantization(args.config)
quantizer.eval_func = accuracy
quantizer.calib_dataloader = loader()
quantizer.model = common.Model(bert())
q_model = quantizer.fit()
q_model.save("int8")
