"""What scripts of INC 1.X pass to its components (`neural_compressor.experimental.common`)."""

from inc_hf.experimental.common.criterion import Criterions
from inc_hf.experimental.common.dataloader import DataLoader
from inc_hf.experimental.common.metric import Metric
from inc_hf.experimental.common.model import Model
from inc_hf.experimental.common.optimizer import Optimizers
from inc_hf.experimental.common.postprocess import Postprocess

__all__ = ["Criterions", "DataLoader", "Metric", "Model", "Optimizers", "Postprocess"]
