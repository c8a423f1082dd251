"""Names with all their dots."""

import logging

import neural_compressor
import neural_compressor as nc
from tiny_task import bert

logging.getLogger("neural_compressor").setLevel(logging.WARNING)
neural_compressor.set_workspace("work")
conf = nc.config.PostTrainingQuantConfig(approach="dynamic", max_trials=2)
q_model = nc.quantization.fit(bert(), conf)
print(neural_compressor.__version__, nc.__version__ and "neural_compressor")
