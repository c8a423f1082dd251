"""INC's dataloaders."""

import pytest
import torch
from fitting import config, net
from torch.utils.data import DataLoader as TorchDataLoader

from inc_hf import Metric, quantization
from inc_hf.data import DATALOADERS, DataLoader, Datasets, check_dataloader
from inc_hf.data.dataloaders.pytorch_dataloader import PyTorchDataLoader
from inc_hf.errors import UsageError
from inc_hf.metric import METRICS

IMAGES = Datasets("pytorch")["dummy"](shape=(6, 3, 8, 8), low=-1.0, high=1.0)


def test_batches_are_those_of_torch():
    loader = DataLoader(framework="pytorch", dataset=IMAGES, batch_size=4)
    assert isinstance(loader, TorchDataLoader) and isinstance(loader, PyTorchDataLoader) and check_dataloader(loader)
    (images, labels), (rest, _) = loader
    assert images.shape == (4, 3, 8, 8) and labels.tolist() == [0, 0, 0, 0] and len(rest) == 2
    assert len(DataLoader("pytorch_fx", IMAGES, 4, last_batch="discard")) == 1
    assert [len(batch[0]) for batch in DATALOADERS["pytorch"](IMAGES, batch_sampler=[[0], [1, 2]])] == [1, 2]
    assert DataLoader("pytorch", IMAGES, 2, collate_fn=len).collate_fn is len
    order = torch.cat(list(DataLoader("pytorch", torch.arange(50), 8, shuffle=True)))
    assert order.tolist() != list(range(50)) and sorted(order.tolist()) == list(range(50))


def test_streams():
    class Stream:
        def __iter__(self):
            yield from range(5)

    assert [batch.tolist() for batch in PyTorchDataLoader(Stream(), 2)] == [[0, 1], [2, 3], [4]]
    dummy = Datasets("pytorch")["dummy_v2"]((3, 8, 8), label_shape=(1,), samples=5)
    assert [len(images) for images, _ in DataLoader("pytorch", dummy, 2)] == [2, 2, 1]


def test_wrong_uses():
    with pytest.raises(UsageError, match="got 'tensorflow': .* stay with `neural-compressor<3`"):
        DataLoader("tensorflow", IMAGES)
    with pytest.raises(UsageError, match="`last_batch` must be one of rollover, discard, got 'keep'"):
        DataLoader("pytorch", IMAGES, last_batch="keep")
    with pytest.raises(UsageError, match="call `torch.distributed.init_process_group` first"):
        DataLoader("pytorch", IMAGES, distributed=True)
    with pytest.raises(UsageError, match="A dataloader has `__iter__` and `batch_size`, got list"):
        check_dataloader([1])


METRIC_FORMS = {
    "described by name": lambda: Metric(name="topk", k=1),
    "described by class": lambda: Metric("mine", METRICS("pytorch")["topk"], k=1),
    "an object": lambda: METRICS("pytorch")["Accuracy"](),
    "a name": lambda: "accuracy",
}


@pytest.mark.parametrize("metric", METRIC_FORMS.values(), ids=METRIC_FORMS)
def test_quantization_with_them(metric):
    """As in INC's documents: dummy data, a dataloader and a metric of `neural_compressor`."""
    model = net()
    with torch.no_grad():
        labels = [int(model(torch.as_tensor(image)[None]).argmax()) for image, _ in IMAGES]
    labelled = DataLoader("pytorch", [(IMAGES[i][0], label) for i, label in enumerate(labels)], batch_size=2)
    q_model = quantization.fit(model, config("static"), labelled, eval_dataloader=labelled, eval_metric=metric())
    assert q_model.baseline == 1.0 and q_model.met_criterion
