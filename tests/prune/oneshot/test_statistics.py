import pytest
import torch
from torch import nn

from inc_hf.prune.layout import to_matrix
from inc_hf.prune.oneshot.statistics import Hessian, Moments, check_supported, input_rows


def test_hessian_and_moments():
    parts = torch.randn(3, 10, 6).unbind()
    layer = nn.Linear(6, 2)
    hessian, moments = Hessian(layer), Moments(layer)
    for part in parts:
        hessian.add(part)
        moments.add(part)
    rows = torch.cat(parts).double()
    assert hessian.tokens == moments.tokens == 30
    torch.testing.assert_close(hessian.matrix.double(), 2 * rows.t() @ rows, rtol=1e-5, atol=1e-5)  # float32 sums
    torch.testing.assert_close(moments.norms, rows.norm(dim=0), rtol=1e-6, atol=0)
    torch.testing.assert_close(moments.variance, rows.var(0, unbiased=False), rtol=1e-6, atol=0)
    torch.testing.assert_close(moments.mean, rows.mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_dtype_of_the_hessian(dtype, kept):
    layer = nn.Linear(6, 2).to(dtype)
    hessian = Hessian(layer)
    hessian.add(torch.randn(10, 6, dtype=dtype))
    assert hessian.matrix.dtype == kept


def test_infinite_inputs_are_noticed():
    for statistics in (Hessian(nn.Linear(2, 2)), Moments(nn.Linear(2, 2))):
        assert statistics.is_finite()
        statistics.add(torch.tensor([[1.0, torch.nan]]))
        assert not statistics.is_finite()


@pytest.mark.parametrize(
    "settings",
    [{}, {"stride": 2}, {"padding": 1}, {"dilation": 2, "padding": (1, 2), "stride": (2, 1)}],
    ids=["plain", "stride", "padding", "all"],
)
def test_rows_of_a_convolution(settings):
    conv = nn.Conv2d(3, 5, (2, 3), bias=False, **settings)
    images = torch.randn(2, 3, 9, 8)
    rows = input_rows(conv, images, None)
    outputs = conv(images).flatten(2).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(rows @ to_matrix(conv, conv.weight).t(), outputs, rtol=1e-4, atol=1e-5)


MASK = torch.tensor([[True, True, False], [True, False, False]])


@pytest.mark.parametrize(
    ("shape", "rows"),
    [((2, 3, 4), 3), ((6, 4), 3), ((2, 4), 2), ((4,), 1), ((2, 5, 4), 10), ((3, 2, 4), 6), ((2, 3, 7, 4), 42)],
    ids=["tokens", "flat tokens", "pooled", "vector", "other length", "other batch", "more dimensions"],
)
def test_padding_is_left_out_where_the_shapes_agree(shape, rows):
    inputs = torch.randn(shape)
    found = input_rows(nn.Linear(4, 2), inputs, MASK)
    assert found.shape == (rows, 4)
    if rows == 3:
        assert torch.equal(found, inputs.reshape(6, 4)[[0, 1, 3]])


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv1d(4, 4, 2),
        nn.Conv2d(4, 4, 2, groups=2),
        nn.Conv2d(4, 4, 2, padding="same"),
        nn.Conv2d(4, 4, 2, padding=1, padding_mode="reflect"),
    ],
)
def test_layers_that_are_refused(layer):
    with pytest.raises(ValueError, match="`x.y` is a Conv.d that cannot be pruned from its inputs"):
        check_supported("x.y", layer)


def test_layers_that_are_taken():
    check_supported("linear", nn.Linear(2, 2))
    check_supported("conv", nn.Conv2d(2, 2, 2, padding=1))
