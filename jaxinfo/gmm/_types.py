"""Mixtures, fits and estimates."""

from typing import NamedTuple

import jax


class GaussianMixture(NamedTuple):
    """A mixture of Gaussians with full covariances.

    Attributes:
        log_weights: Logarithms of the mixing weights; ``-inf`` marks an absent
            component, whose mean and factor are finite and ignored. Shape ``(k,)``.
        means: Means. Shape ``(k, d)``.
        scale_trils: Lower Cholesky factors of the covariances. Shape ``(k, d, d)``.
    """

    log_weights: jax.Array
    means: jax.Array
    scale_trils: jax.Array


class FitResult(NamedTuple):
    """Outcome of fitting a Gaussian mixture by expectation-maximisation.

    Attributes:
        mixture: Fitted parameters.
        log_likelihood: Mean log-likelihood of a sample under ``mixture``, in nats.
            Shape ``()``.
        num_steps: EM steps taken. Shape ``()``, integer.
        converged: Whether the last step gained less than ``tol``; false if the steps
            ran out or a step was not finite. Shape ``()``, boolean.
        collapsed: Components that hold less than one average sample or are as narrow
            as the regularisation. Shape ``(k,)``, boolean.
        reason: Why the fit should not be trusted, a number of `Reason`; zero if nothing
            was found. Shape ``()``, integer.
    """

    mixture: GaussianMixture
    log_likelihood: jax.Array
    num_steps: jax.Array
    converged: jax.Array
    collapsed: jax.Array
    reason: jax.Array


class Selection(NamedTuple):
    """A mixture whose number of components was chosen.

    Attributes:
        mixture: Fit to all data, padded with absent components to ``max_components``.
        num_components: Chosen number of components. Shape ``()``, integer.
        scores: Criterion for 1, 2, ... components, larger is better, in nats per
            sample; ``-inf`` where the search had ended before. Shape
            ``(max_components,)``.
        log_likelihood: Mean log-likelihood of a sample, in nats. Shape ``()``.
        num_steps: EM steps of the fit to all data. Shape ``()``, integer.
        converged: Whether the mixture can be used: ``reason`` is zero. Shape ``()``,
            boolean.
        reason: Why it cannot be used, a number of `Reason`. Shape ``()``, integer.
    """

    mixture: GaussianMixture
    num_components: jax.Array
    scores: jax.Array
    log_likelihood: jax.Array
    num_steps: jax.Array
    converged: jax.Array
    reason: jax.Array


class Estimate(NamedTuple):
    """An estimate from a fitted mixture, in nats, with its uncertainty.

    For a matrix of pairs, every field has two leading axes. With classes,
    ``num_components`` is ``(c,)``, and ``mixture`` and ``scores`` have a leading ``c``.

    Attributes:
        value: The number to report. For information of samples see
            `mutual_information`; otherwise the mean of ``replicates``, which is
            corrected for the sampling bias, or ``plugin`` where there are none. Shape
            ``()``.
        standard_error: Its error: the standard deviation of ``replicates``, or
            ``jackknife_error`` where there are none; for information of samples, it
            includes the possible error of the model. Shape ``()``.
        plugin: Value of the fit to all data, not corrected. Shape ``()``.
        jackknife_error: Standard error of ``plugin`` by the infinitesimal jackknife.
            Shape ``()``.
        integration_error: Error of the integral behind ``plugin``, zero where it has a
            closed form. Shape ``()``.
        replicates: Twice ``plugin`` minus the value of each fit to resampled data; NaN
            for a fit that failed. Shape ``(num_replicates,)``.
        num_failed: Number of replicates left out because they are not finite. Shape
            ``()``, integer.
        num_components: Chosen number of components. Shape ``()``, integer.
        converged: Whether ``value`` and its error can be used: ``reason`` is zero.
            Shape ``()``.
        reason: Why they cannot be used, a number of `Reason`. Shape ``()``, integer.
        num_steps: EM steps of the fit to all data. Shape ``()``, integer.
        mixture: Fit to all data, padded with absent components.
        scores: Criterion for each number of components. Shape ``(max_components,)``.
    """

    value: jax.Array
    standard_error: jax.Array
    plugin: jax.Array
    jackknife_error: jax.Array
    integration_error: jax.Array
    replicates: jax.Array
    num_failed: jax.Array
    num_components: jax.Array
    converged: jax.Array
    reason: jax.Array
    num_steps: jax.Array
    mixture: GaussianMixture
    scores: jax.Array


class Integral(NamedTuple):
    """An integral over a given mixture, in nats.

    Attributes:
        value: The integral. Shape ``()``.
        standard_error: Error of its evaluation, zero for a closed form. Shape ``()``.
    """

    value: jax.Array
    standard_error: jax.Array


class Interval(NamedTuple):
    """A confidence interval.

    Attributes:
        lower: Lower end. Shape of the estimate.
        upper: Upper end. Shape of the estimate.
    """

    lower: jax.Array
    upper: jax.Array
