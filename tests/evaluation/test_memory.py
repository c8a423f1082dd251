"""However many samples there are, only a few are alive at a time."""

import weakref

import pytest
import torch
from quantizing import STATIC
from tiny import tiny_model
from torch.utils.data import IterableDataset

from inc_hf import IncQuantizer, PostTrainingQuantConfig, TuningCriterion
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.batches import batches_of
from inc_hf.quantization import fit

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")
DYNAMIC = PostTrainingQuantConfig(approach="dynamic", tuning_criterion=TuningCriterion(max_trials=1))


class Counted(IterableDataset):
    """A stream that knows how many of its tensors are alive, and how many samples it has given."""

    def __init__(self, samples: int, batch: tuple[int, ...] = ()):
        self.samples, self.batch = samples, batch
        self.alive = self.peak = self.given = 0

    def __iter__(self):
        for _ in range(self.samples):
            self.given += 1
            ids = torch.randint(5, 96, (*self.batch, 6))
            label = torch.tensor(self.given % 2).expand(self.batch).clone()
            yield {"input_ids": self.watched(ids), "labels": self.watched(label)}

    def watched(self, tensor: torch.Tensor) -> torch.Tensor:
        self.alive += 1
        self.peak = max(self.peak, self.alive)
        weakref.finalize(tensor, self.release)
        return tensor

    def release(self):
        self.alive -= 1


def by_task(data: Counted) -> None:
    quantizer = IncQuantizer.from_pretrained(tiny_model("bert"), task="text-classification")
    quantizer.quantize(DYNAMIC, eval_dataset=data, batch_size=4)


def by_glue(data: Counted) -> None:
    model = tiny_model("bert")
    evaluate_task(model, batches_of(data, model, batch_size=4), "text-classification", "cola")


def by_metric(data: Counted) -> None:
    fit(tiny_model("bert"), DYNAMIC, eval_dataloader=data, eval_metric="accuracy")


def calibrated(data: Counted) -> None:
    config = PostTrainingQuantConfig(approach="static", calibration_sampling_size=8)
    IncQuantizer.from_pretrained(tiny_model("bert")).quantize(config, calibration_dataset=data, batch_size=4)


@pytest.mark.parametrize("batch", [(), (2,)], ids=["samples", "batches"])
@pytest.mark.parametrize("use", [by_task, by_glue, by_metric, calibrated])
def test_peak(use, batch):
    few, many = Counted(16, batch), Counted(40, batch)
    use(few)
    use(many)
    assert few.peak == many.peak


@pytest.mark.parametrize(("batch", "given"), [((), 100), ((8,), 13)], ids=["samples", "batches"])
def test_calibration_reads_no_more_than_it_needs(batch, given):
    data = Counted(1000, batch)
    result = IncQuantizer.from_pretrained(tiny_model("bert")).quantize(STATIC, calibration_dataset=data, batch_size=10)
    assert data.given == given and result.q_config["calibration_samples"] == 100


def test_calibration_by_a_generator_that_is_read_once():
    data = iter(Counted(20))
    config = PostTrainingQuantConfig(approach="static", calibration_sampling_size=[5, 10])
    model = tiny_model("bert")
    result = fit(model, config, calib_dataloader=data, eval_func=lambda model: 1.0)
    assert result.q_config["calibration_samples"] == 5
