"""A graph is compared with its model; IPEX is not needed for that."""

import pytest
import torch
from tiny import TinyNet

from inc_hf.backends.ipex import IpexSession, TraceError
from inc_hf.backends.ipex.trace import check


def test_a_difference_of_shapes_is_infinite():
    session = IpexSession(lambda x: (x[:1],), ["x"], ["output"], "float32")
    with pytest.raises(TraceError, match=r"on a batch of x \(2, 4\), outputs have other shapes"):
        check(session, TinyNet(), {"x": torch.ones(2, 4)}, 1e-4)


def test_a_rounding_on_one_batch_is_no_error_but_a_nan_is():
    model, inputs = TinyNet().eval(), {"x": torch.randn(2, 4)}

    def session_with(first_difference):
        differences = iter([first_difference])
        return IpexSession(lambda x: (model(x) + next(differences, 0.0),), ["x"], ["output"], "int8")

    session = session_with(1.0)
    assert check(session, model, inputs, 0.05) is session
    with pytest.raises(TraceError, match="or are not finite"):
        check(session_with(torch.nan), model, inputs, 0.05)
