"""Results of random estimates."""

from typing import NamedTuple

import jax


class SpectralMutualInformation(NamedTuple):
    """Diffusion spectral mutual information, and the entropies it is computed from.

    Attributes:
        value: The information, in nats. Shape ``()``.
        standard_error: Standard error of ``value`` from the random subsets. Shape
            ``()``.
        class_entropies: Entropy of the points of each class, in nats; 0 for an empty
            class. Shape ``(c,)``.
        subset_entropies: Mean entropy of random subsets of the size of each class, in
            nats. Shape ``(c,)``.
        class_sizes: Points of each class, integers. Shape ``(c,)``.
    """

    value: jax.Array
    standard_error: jax.Array
    class_entropies: jax.Array
    subset_entropies: jax.Array
    class_sizes: jax.Array


class StochasticEntropy(NamedTuple):
    """Estimates of spectral entropies, with standard errors.

    Attributes:
        value: Entropies, in nats. Shape ``(t,)``.
        standard_error: Their standard errors, from the random vectors, the quadrature
            and rounding; 0 where the spectrum was computed. Shape ``(t,)``.
        num_deflated: Number of eigenvalues that were computed, an integer. Shape
            ``()``.
    """

    value: jax.Array
    standard_error: jax.Array
    num_deflated: jax.Array
