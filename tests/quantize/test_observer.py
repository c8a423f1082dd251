import copy

import pytest
import torch

from inc_hf.quantize.observer import OBSERVERS, build_observer, register_observer
from inc_hf.quantize.scheme import ActivationScheme

HISTOGRAMS = ["kl", "mse", "percentile"]
every_observer = pytest.mark.parametrize("name", sorted(OBSERVERS))
every_histogram = pytest.mark.parametrize("name", HISTOGRAMS)
both_symmetries = pytest.mark.parametrize("symmetric", [True, False], ids=["symmetric", "asymmetric"])


def observe(name, *batches, symmetric=False, num_bits=8):
    observer = build_observer(ActivationScheme(num_bits, dynamic=False, symmetric=symmetric, observer=name))
    for batch in batches:
        observer(batch)
    return observer


def squared_error(observer, x):
    """Mean squared error of `x` after the quantization that the observer chose."""
    scale, zero_point = observer.qparams()
    zero_point = 0 if zero_point is None else zero_point.item()
    codes = (x / scale + zero_point).round().clamp(-128, 127)
    return ((codes - zero_point) * scale - x).square().mean().item()


def gaussian_with_outliers(outlier=20.0):
    x = torch.randn(50_000)
    x[:5] = torch.tensor([outlier, -outlier, outlier * 0.95, -outlier * 0.9, outlier * 0.8])
    return x


def test_inc_names_are_known():
    assert {"kl", "minmax", "moving_average", "mse", "percentile"} <= set(OBSERVERS)


def test_an_unknown_observer_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=f"Unknown observer 'minimax'; choose one of {', '.join(sorted(OBSERVERS))}"):
        build_observer(ActivationScheme(dynamic=False, observer="minimax"))


def test_a_registered_observer_is_known(monkeypatch):
    monkeypatch.setitem(OBSERVERS, "wide", None)

    @register_observer("wide")
    class WideObserver(OBSERVERS["minmax"]):
        def range(self):
            return 2 * self.low, 2 * self.high

    assert observe("wide", torch.tensor([-1.0, 3.0])).range() == (-2, 6)


@every_observer
def test_forward_returns_its_input(name):
    observer = build_observer(ActivationScheme(dynamic=False, observer=name))
    x = torch.randn(3, 4, 5, requires_grad=True)
    before = x.detach().clone()
    assert observer(x) is x and torch.equal(x, before)


@every_observer
def test_there_is_no_data_before_the_first_values(name):
    observer = observe(name)
    assert not observer.has_data
    observer(torch.empty(0, 8))
    assert not observer.has_data
    observer(torch.zeros(1))
    assert observer.has_data


@every_observer
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_values_that_are_not_finite_are_refused(name, poison):
    observer = observe(name, torch.randn(9))
    x = torch.randn(4, 5)
    x[2, 3] = poison
    with pytest.raises(ValueError, match="calibration input has NaN or infinite values; check the FP32 model"):
        observer(x)


@every_observer
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_inputs(name, dtype):
    x = torch.randn(500).to(dtype)
    assert observe(name, x).range() == observe(name, x.float()).range()


@every_observer
@both_symmetries
def test_all_zero_inputs(name, symmetric):
    observer = observe(name, torch.zeros(2, 3), torch.zeros(5), symmetric=symmetric)
    assert observer.range() == (0, 0)
    scale, zero_point = observer.qparams()
    assert scale.item() == torch.finfo(torch.float32).eps
    assert (zero_point is None) == symmetric


@every_observer
@both_symmetries
@pytest.mark.parametrize("value", [3.5, -0.02, 3e38, 1e-30], ids=str)
def test_constant_inputs(name, value, symmetric):
    observer = observe(name, torch.full((64,), value), torch.full((7,), value), symmetric=symmetric)
    scale, zero_point = observer.qparams()
    codes = (value / scale + (0 if symmetric else zero_point)).round().clamp(-128, 127)
    back = ((codes - (0 if symmetric else zero_point)) * scale).item()
    # A clipping observer may prefer a smaller range, down to half; 1e-30 is below the smallest scale.
    assert abs(back) <= 1.01 * abs(value)
    assert abs(back) >= 0.49 * abs(value) or abs(value) < scale.item()


@every_observer
def test_shape_and_order_of_the_values_do_not_matter(name):
    x = torch.randn(4, 6, 50)
    assert observe(name, x).range() == observe(name, x.permute(2, 0, 1)).range() == observe(name, x.flatten()).range()


@every_observer
def test_a_range_stays_inside_what_was_seen(name):
    batches = [torch.randn(300) + 0.5, 3 * torch.randn(300), torch.rand(10)]
    seen = torch.cat(batches)
    low, high = observe(name, *batches).range()
    assert seen.min() <= low < high <= seen.max()


@every_observer
def test_a_copy_observes_on_its_own(name):
    first = observe(name, torch.linspace(-1, 1, 100))
    second = copy.deepcopy(first)
    second(torch.linspace(-40, 40, 100))
    assert first.range() == observe(name, torch.linspace(-1, 1, 100)).range()
    assert second.range() == observe(name, torch.linspace(-1, 1, 100), torch.linspace(-40, 40, 100)).range()


def test_minmax_is_exact():
    batches = [torch.tensor([0.25, -1.5]), torch.tensor([[3.0], [2.0]]), torch.tensor([-0.1])]
    observer = observe("minmax", *batches)
    assert observer.range() == (-1.5, 3.0)
    scale, zero_point = observer.qparams()
    assert scale.item() == pytest.approx(4.5 / 255)
    assert zero_point.item() == round(-128 + 1.5 / (4.5 / 255))


def test_minmax_of_few_bits():
    scale, zero_point = observe("minmax", torch.tensor([0.0, 30.0]), num_bits=4).qparams()
    assert (scale.item(), zero_point.item()) == (2.0, -8)


def test_moving_average_formula():
    lows, highs = [-1.0, -3.0, -0.5, -2.0], [2.0, 1.0, 8.0, 0.25]
    observer = observe("moving_average", *(torch.tensor([low, high]) for low, high in zip(lows, highs, strict=True)))
    low, high = lows[0], highs[0]
    for next_low, next_high in zip(lows[1:], highs[1:], strict=True):
        low, high = low + 0.01 * (next_low - low), high + 0.01 * (next_high - high)
    assert observer.range() == pytest.approx((low, high))


def test_moving_average_agrees_with_torch():
    from torch.ao.quantization import MovingAverageMinMaxObserver

    theirs, batches = MovingAverageMinMaxObserver(averaging_constant=0.01), torch.randn(20, 64)
    for batch in batches:
        theirs(batch)
    expected = (theirs.min_val.item(), theirs.max_val.item())
    # Torch averages in float32.
    assert observe("moving_average", *batches).range() == pytest.approx(expected, rel=1e-5)


GROWING = {
    "one batch": [1.0],
    "doubled once": [1.0, 1.9],
    "many doublings": [1e-6, 1.0, 700.0],
    "shrinking": [50.0, 1.0],
    "zeros first": [0.0, 1.0],
    "zeros between": [1.0, 0.0, 3.0],
    "denormal first": [1e-45, 1.0],
    "to the end of float32": [1e38, 3e38],
}
growing = pytest.mark.parametrize("sizes", GROWING.values(), ids=GROWING)


@every_histogram
@growing
def test_histogram_counts_every_value(name, sizes):
    batches = [size * torch.linspace(-1, 1, 101 + i) for i, size in enumerate(sizes)]
    observer = observe(name, *batches)
    assert observer.counts.sum().item() == sum(batch.numel() for batch in batches)
    assert observer.counts.shape == (observer.num_bins,)
    assert observer.edge >= max(batch.abs().max().item() for batch in batches)


@pytest.mark.parametrize(
    "sizes", [[1.0], [1.0, 1.9], [1e-6, 1.0, 700.0], [50.0, 1.0], [0.0, 1.0], [1e38, 3e38]], ids=str
)
def test_histogram_bins_hold_their_values(sizes):
    batches = [size * (2 * torch.rand(200) - 1) for size in sizes]
    observer = observe("mse", *batches)
    values = torch.cat(batches).double()
    bins = ((values / observer.edge + 1) / 2 * observer.num_bins).floor().clamp(max=observer.num_bins - 1).long()
    expected = torch.bincount(bins, minlength=observer.num_bins)
    # A value on the border of two bins may fall on either side of it.
    assert (observer.counts - expected).abs().sum() <= 2
    share = (torch.arange(2048, dtype=torch.float64) + 0.5) / 1024 - 1
    torch.testing.assert_close(observer.centers, share * observer.edge)


def test_doubling_merges_bins_in_pairs():
    observer = observe("mse", torch.linspace(-1, 1, 5000))
    before = observer.counts.clone()
    observer(torch.tensor([1.5]))
    assert observer.edge == 2
    expected = torch.zeros(2048, dtype=torch.float64)
    expected[512:1536] = before[::2] + before[1::2]
    expected[int((1.5 + 2) / 4 * 2048)] += 1
    assert torch.equal(observer.counts, expected)


def test_histogram_of_batches_is_that_of_their_sum():
    batches = [torch.randn(1000), torch.randn(77), torch.randn(2)]
    batches[0][0] = 10.0  # so that no later batch widens the range
    assert torch.equal(observe("mse", *batches).counts, observe("mse", torch.cat(batches)).counts)


def test_histogram_of_pieces_is_that_of_the_whole(monkeypatch):
    x = torch.randn(1000)
    whole = observe("mse", x)
    monkeypatch.setattr(type(whole), "piece_size", 7)
    assert torch.equal(observe("mse", x).counts, whole.counts)


def test_histogram_counts_beyond_float32():
    x = torch.zeros(2**24 + 1001)
    x[0] = 1
    counts = observe("mse", x).counts
    assert counts[1024].item() == 2**24 + 1000 and counts[-1].item() == 1


@every_histogram
@both_symmetries
def test_histograms_keep_a_uniform_range(name, symmetric):
    x = torch.linspace(-1, 1, 20_001)
    low, high = observe(name, x, symmetric=symmetric).range()
    assert -1 <= low <= -0.98 and 0.98 <= high <= 1


def test_percentile_clips_one_half_of_the_rest_on_each_side():
    outliers = torch.arange(10.0, 101, 10)
    x = torch.cat([torch.zeros(100_000), outliers, -outliers])
    observer = observe("percentile", x)
    # 5 of the 100020 values may lie outside on each side; the borders are those of bins.
    width = 2 * observer.edge / observer.num_bins
    low, high = observer.range()
    assert -50 - width <= low <= -50 and 50 <= high <= 50 + width


def test_percentile_keeps_all_of_few_values():
    x = torch.tensor([-7.0, 0.1, 0.2, 100.0])
    assert observe("percentile", x).range() == (-7, 100)


@pytest.mark.parametrize("share", [0.001, 0.00001], ids=["frequent", "rare"])
def test_percentile_only_clips_what_is_rare(share):
    x = torch.randn(200_000)
    x[: int(share * x.numel())] = 50.0
    assert (observe("percentile", x).range()[1] >= 49) == (share > 0.0001)


def heavy_tails():
    generator = torch.distributions.StudentT(3.0)
    return generator.sample((100_000,))


@both_symmetries
def test_mse_has_a_smaller_error_than_minmax_on_heavy_tails(symmetric):
    x = heavy_tails()
    mse, minmax = (observe(name, x, symmetric=symmetric) for name in ("mse", "minmax"))
    assert squared_error(mse, x) < 0.9 * squared_error(minmax, x)


@both_symmetries
def test_mse_chooses_the_best_candidate(symmetric):
    x = gaussian_with_outliers(12.0)
    observer = observe("mse", x, symmetric=symmetric)
    chosen = squared_error(observer, x)
    for low, high in observer.candidates():
        rival = observe("minmax", torch.tensor([low, high]), symmetric=symmetric)
        # 1 %: bins are as wide as 1/8 step, and a value is taken for the center of its bin.
        assert chosen <= 1.01 * squared_error(rival, x)


def test_mse_keeps_outliers_that_cost_more_than_the_rounding():
    x = torch.cat([torch.randn(1000), torch.tensor([100.0])])
    assert observe("mse", x).range()[1] >= 99


@both_symmetries
def test_kl_clips_outliers_of_a_gaussian(symmetric):
    x = gaussian_with_outliers()
    low, high = observe("kl", x, symmetric=symmetric).range()
    assert high < 0.75 * x.max() and low > 0.75 * x.min()
    assert high > 4 and low < -4


def test_kl_costs_what_the_definition_says():
    """Against a loop over the levels, as in the presentation of the method."""
    x = gaussian_with_outliers(9.0)
    observer = observe("kl", x, symmetric=True)
    low, high = observer.candidates()[20]
    counts, centers = observer.counts.tolist(), observer.centers
    levels = observer.quantized_centers(low, high)
    kept = [i for i, c in enumerate(centers.tolist()) if low <= c <= high and counts[i]]
    p = [counts[i] for i in kept]
    p[0] += sum(n for n, c in zip(counts, centers.tolist(), strict=True) if c < low)
    p[-1] += sum(n for n, c in zip(counts, centers.tolist(), strict=True) if c > high)
    q = [0.0] * len(kept)
    for level in {levels[i].item() for i in kept}:
        members = [k for k, i in enumerate(kept) if levels[i].item() == level]
        for k in members:
            q[k] = sum(counts[kept[m]] for m in members) / len(members)
    p, q = torch.tensor(p, dtype=torch.float64), torch.tensor(q, dtype=torch.float64)
    expected = torch.nn.functional.kl_div((q / q.sum()).log(), p / p.sum(), reduction="sum").item()
    assert observer.cost(low, high) == pytest.approx(expected, rel=1e-9)
    assert expected > 0


@pytest.mark.parametrize("name", ["mse", "kl", "percentile"])
def test_the_order_of_batches_does_not_matter(name):
    batches = [torch.randn(50, 4, generator=torch.Generator().manual_seed(i)) * (i + 1) ** 1.3 for i in range(5)]
    expected = observe(name, torch.cat(batches))
    for order in (batches, batches[::-1], torch.cat(batches).split(7)):
        found = observe(name, *order)
        assert torch.equal(found.counts, expected.counts) and found.range() == expected.range()
