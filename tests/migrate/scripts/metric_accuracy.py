"""`eval_dataloader` and `eval_metric` instead of a function."""

from tiny_task import bert

import neural_compressor.metric as inc_metric
from neural_compressor import quantization
from neural_compressor.config import AccuracyCriterion, PostTrainingQuantConfig


class Hits:
    def __init__(self):
        self.hits = []

    def update(self, predictions, labels):
        self.hits += [int(p.argmax() == label) for p, label in zip(predictions, labels)]

    def reset(self):
        self.hits.clear()

    def result(self):
        return sum(self.hits) / len(self.hits)


def run():
    from tiny_task import pairs

    conf = PostTrainingQuantConfig(approach="dynamic", accuracy_criterion=AccuracyCriterion(tolerable_loss=0.5))
    return quantization.fit(bert(), conf, eval_dataloader=pairs(), eval_metric=Hits())


print(run(), inc_metric.__name__)
