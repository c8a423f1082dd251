"""A Gaussian process, which says of a function that was computed at some points how high it may be at others."""

import numpy as np

LENGTH = 0.3  # of spaces from 0 to 1
NOISE = 1e-4
KAPPA = 2.0  # standard deviations above the mean


class GaussianProcess:
    """
    Args:
        points (`np.ndarray` of shape `(points, dimensions)`): each number from 0 to 1.
        values (`np.ndarray` of shape `(points,)`): of the function.
    """

    def __init__(self, points: np.ndarray, values: np.ndarray):
        self.points, self.mean, self.scale = points, values.mean(), values.std() or 1.0
        kernel = covariance(points, points) + NOISE * np.eye(len(points))
        self.root = np.linalg.cholesky(kernel)
        self.weights = np.linalg.solve(kernel, (values - self.mean) / self.scale)

    def upper_bound(self, points: np.ndarray) -> np.ndarray:
        """The mean at each of the points, and as much more as is not unlikely."""
        across = covariance(self.points, points)
        mean = across.T @ self.weights
        variance = 1.0 - (np.linalg.solve(self.root, across) ** 2).sum(0)
        return self.mean + self.scale * (mean + KAPPA * np.sqrt(np.maximum(variance, 0)))


def covariance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Matern's with nu = 5/2, of shape `(first, second)`."""
    distance = np.sqrt(5 * ((first[:, None] - second[None]) ** 2).sum(-1)) / LENGTH
    return (1 + distance + distance**2 / 3) * np.exp(-distance)
