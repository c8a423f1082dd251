"""A model that was looked at, or changed half-way, is as it was."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from inc_hf.undo import restored, restored_on_error


class Config:
    def __init__(self):
        self.sizes, self.inner_config = [1, 2], None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        self.register_buffer("seen", torch.zeros(1))
        self.config, self.cache = Config(), {}
        self.config.inner_config = Config()

    def forward(self, x):
        return self.b(self.a(x))


def replace_a_module(net):
    net.set_submodule("b.0", nn.Identity())


def replace_a_parameter(net):
    net.a.weight = nn.Parameter(torch.ones(1, 1))


def change_a_class(net):
    net.a.__class__ = nn.Identity


def change_attributes(net):
    net.extra, net.a.in_features = 1, 77
    net.cache["x"] = 1
    net.b.training = False


def change_configs(net):
    net.config.sizes.append(3)
    net.config.added = net.config.inner_config.added = True


def change_a_buffer(net):
    net.seen += 1


def describe(net: nn.Module) -> list:
    """All that the changes above change, by value."""
    configs = [str(vars(config)) for config in (net.config.inner_config,)] + [net.config.sizes, len(vars(net.config))]
    modules = [(name, id(m), type(m), sorted(vars(m)), m.training) for name, m in net.named_modules()]
    tensors = [(name, id(t), t.tolist()) for name, t in [*net.named_parameters(), *net.named_buffers()]]
    return [configs, modules, tensors, dict(net.cache), net.a.in_features]


CHANGES = [replace_a_module, replace_a_parameter, change_a_class, change_attributes, change_configs]


class TestRestoredOnError:
    @pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
    def test_all_is_taken_back(self, change, error):
        net = Net()
        before = describe(net)
        with pytest.raises(error), restored_on_error(net):
            change(net)
            assert describe(net) != before
            raise error
        assert describe(net) == before

    def test_values_changed_in_place_if_they_were_kept(self):
        net = Net()
        before = describe(net)
        with pytest.raises(ValueError), restored_on_error(net) as snapshot, torch.no_grad():
            snapshot.keep(net.a.weight)
            net.a.weight.zero_()
            raise ValueError
        assert describe(net) == before

    def test_without_an_error_the_change_stays(self):
        net = Net()
        with restored_on_error(net):
            replace_a_module(net)
        assert isinstance(net.b[0], nn.Identity)

    def test_a_hook_from_before_can_still_be_removed(self):
        net = Net()
        handle = net.a.register_forward_hook(lambda *_: None)
        with pytest.raises(ValueError), restored_on_error(net):
            net.a.register_forward_hook(lambda *_: None)
            raise ValueError
        assert len(net.a._forward_hooks) == 1
        handle.remove()
        assert not net.a._forward_hooks


class TestRestored:
    @pytest.mark.parametrize("change", [*CHANGES, change_a_buffer], ids=lambda f: f.__name__)
    def test_all_is_taken_back(self, change):
        net = Net()
        before = describe(net)
        with restored(net):
            change(net)
        assert describe(net) == before

    def test_random_numbers_go_on_as_if_nothing_was_drawn(self):
        def numbers():
            return random.random(), float(np.random.rand()), float(torch.rand(1))

        def seed():
            random.seed(1), np.random.seed(1), torch.manual_seed(1)

        net = Net()
        seed()
        expected = numbers()
        seed()
        with restored(net):
            numbers()
        assert numbers() == expected
