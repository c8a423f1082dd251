"""Fit the polynomials of kernels/core/elementwise/activation.h; prints the tables and the errors of each fit.

    python scripts/fit_activations.py

GELU is x * Phi(x) = max(x, 0) - |x| * Q(|x|) with Q(a) = Phi(-a). Q falls like exp(-a^2 / 2), too steep for a short
polynomial; its fourth root R is flat. So fit R on [0, end] by Remez' exchange, with the weight that an error of R has
in GELU, and force R(end) = 0: GELU is 0 or x beyond. exp is fitted on [-ln 2 / 2, ln 2 / 2], relatively.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial import Polynomial
from numpy.polynomial.chebyshev import Chebyshev, chebvander
from scipy.special import erfc, expit

Function = Callable[[np.ndarray], np.ndarray]


def remez(target: Function, weight: Function, low: float, high: float, degree: int) -> tuple[Polynomial, float]:
    """The polynomial with the least max |weight * (target - polynomial)| on [low, high], and that maximum."""
    count = degree + 2
    grid = (low + high) / 2 - (high - low) / 2 * np.cos(np.linspace(0, np.pi, 20000))
    points = grid[np.linspace(0, grid.size - 1, count).astype(int)]
    for _ in range(50):
        basis = chebvander((2 * points - low - high) / (high - low), degree)
        equal_ripple = (-1.0) ** np.arange(count) / weight(points)
        solution = np.linalg.solve(np.column_stack([basis, equal_ripple]), target(points))
        fit = Chebyshev(solution[:-1], domain=[low, high])
        error = weight(grid) * (target(grid) - fit(grid))
        runs = np.split(np.arange(grid.size), np.flatnonzero(np.diff(np.sign(error))) + 1)
        peaks = [run[np.argmax(np.abs(error[run]))] for run in runs]
        while len(peaks) > count:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
        if len(peaks) < count or np.abs(error).max() < 1.0001 * abs(solution[-1]):
            break
        points = grid[peaks]
    return fit.convert(kind=Polynomial), float(np.abs(error).max())


def fit_fourth_root(tail: Function, end: float, degree: int) -> tuple[Polynomial, float]:
    """R with R(a)^4 = tail(a) on [0, end] and R(end) = 0; the error is that of a * R(a)^4."""

    def root(a: np.ndarray) -> np.ndarray:
        return tail(a) ** 0.25

    def weight(a: np.ndarray) -> np.ndarray:
        # Not below a = 0.4, so that the relative error stays small where GELU is almost x / 2.
        return np.maximum(a, 0.4) * 4 * root(a) ** 3 * (end - a)

    inner = 0.99999 * end
    quotient, error = remez(lambda a: root(a) / (end - a), weight, 0.0, inner, degree - 1)
    return quotient * Polynomial([end, -1.0]), error


def print_table(name: str, coefficients: np.ndarray, error: float) -> None:
    """The coefficients, lowest power first, as shortest decimals that round to the same float32."""
    values = ", ".join(f"{np.float32(value)!s}f" for value in coefficients)
    print(f"// error of the fit {error:.1e}\nconstexpr float {name}[] = {{{values}}};")


def main() -> None:
    """Print the tables of activation.h."""
    root, error = fit_fourth_root(lambda a: erfc(a / np.sqrt(2)) / 2, end=float(np.float32(5.7)), degree=8)
    print_table("kGeluErf", root.coef, error)
    inner = np.sqrt(2 / np.pi)
    root, error = fit_fourth_root(
        lambda a: expit(-2 * inner * (a + 0.044715 * a**3)), end=float(np.float32(5.6)), degree=9
    )
    print_table("kGeluTanh", root.coef, error)
    half = np.log(2) / 2
    # exp(0) must be exactly 1, so fit (exp(x) - 1) / x.
    rest, error = remez(
        lambda x: np.expm1(x) / x, lambda x: np.maximum(np.abs(x), 0.01) * np.exp(-x), -half, half, degree=4
    )
    print_table("kExp", np.concatenate([[1.0], rest.coef]), error)


if __name__ == "__main__":
    main()
