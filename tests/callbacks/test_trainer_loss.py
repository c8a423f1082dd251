from types import SimpleNamespace

import pytest
from distilling import arguments, student
from tiny import TinyNet, tiny_model
from torch import nn

from inc_hf.callbacks.trainer_loss import refuse_losses_outside_the_model, shifts_labels


@pytest.mark.parametrize("name, shifted", [("gpt2", True), ("llama", True), ("bert", False), ("t5", False)])
def test_shifts_labels(name, shifted):
    assert shifts_labels(tiny_model(name)) is shifted


def test_inside_adapters():
    """As `PeftModel` has it."""

    class Adapted(nn.Module):
        def get_base_model(self):
            return tiny_model("gpt2")

    assert shifts_labels(Adapted())


def test_a_module_that_is_not_of_transformers():
    assert not shifts_labels(TinyNet())


def test_losses_of_the_trainer(tmp_path):
    args = arguments(tmp_path)
    refuse_losses_outside_the_model(args, None)
    refuse_losses_outside_the_model(args, SimpleNamespace(compute_loss_func=None))
    with pytest.raises(ValueError, match="`compute_loss_func`"):
        refuse_losses_outside_the_model(args, SimpleNamespace(compute_loss_func=student))
    args._n_gpu = 2
    with pytest.raises(ValueError, match="`torch.nn.DataParallel`; start one process per GPU"):
        refuse_losses_outside_the_model(args, None)
