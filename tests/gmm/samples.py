"""Samples of known mutual information."""

import numpy as np


def gaussian(rng, n, rho):
    """Bivariate normal of correlation ``rho``."""
    x, noise = rng.normal(size=(2, n, 1))
    return x, rho * x + np.sqrt(1 - rho**2) * noise


def gaussian_information(rho):
    return -np.log1p(-(rho**2)) / 2
