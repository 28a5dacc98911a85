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
    """

    mixture: GaussianMixture
    log_likelihood: jax.Array
    num_steps: jax.Array
    converged: jax.Array
    collapsed: jax.Array


class Selection(NamedTuple):
    """A mixture whose number of components was chosen.

    Attributes:
        mixture: Fit to all data, padded with absent components to ``max_components``.
        num_components: Chosen number of components. Shape ``()``, integer.
        scores: Criterion for 1, 2, ... components, larger is better, in nats a sample;
            ``-inf`` where the search had ended before. Shape ``(max_components,)``.
        log_likelihood: Mean log-likelihood of a sample, in nats. Shape ``()``.
        num_steps: EM steps of the fit to all data. Shape ``()``, integer.
        converged: Whether this fit converged and the search ended before
            ``max_components`` (unless that is 1). Shape ``()``, boolean.
    """

    mixture: GaussianMixture
    num_components: jax.Array
    scores: jax.Array
    log_likelihood: jax.Array
    num_steps: jax.Array
    converged: jax.Array


class MutualInformation(NamedTuple):
    """An estimate of mutual information, in nats, with its uncertainty.

    Of a matrix of pairs every field has two leading axes. With classes,
    ``num_components`` is ``(c,)``, and ``mixture`` and ``scores`` have a leading ``c``.

    Attributes:
        mean: Bias-corrected estimate, the mean of ``values``. Shape ``()``.
        std: Standard deviation of ``values``, or ``jackknife_std`` where there are
            none. Shape ``()``.
        values: Twice ``value`` minus each replicate's; NaN for a replicate that
            failed. Shape ``(num_bootstrap,)``.
        num_components: Chosen number of components. Shape ``()``, integer.
        converged: Whether fit, search and all replicates ended well. Shape ``()``.
        num_steps: EM steps of the fit to all data. Shape ``()``, integer.
        value: Information of the fit to all data. Shape ``()``.
        jackknife_std: Standard deviation of ``value`` by the infinitesimal jackknife.
            Shape ``()``.
        integration_error: Error of the integral behind ``value``, zero where it has a
            closed form. Shape ``()``.
        num_failed: Replicates left out as not finite. Shape ``()``, integer.
        mixture: Fit to all data, padded with absent components.
        scores: Criterion of each number of components. Shape ``(max_components,)``.
    """

    mean: jax.Array
    std: jax.Array
    values: jax.Array
    num_components: jax.Array
    converged: jax.Array
    num_steps: jax.Array
    value: jax.Array
    jackknife_std: jax.Array
    integration_error: jax.Array
    num_failed: jax.Array
    mixture: GaussianMixture
    scores: jax.Array


class Entropy(NamedTuple):
    """An estimate of differential entropy, in nats; see `MutualInformation`.

    Attributes:
        mean: Bias-corrected estimate. Shape ``()``.
        std: Standard deviation of ``values``. Shape ``()``.
        values: Twice ``value`` minus each replicate's. Shape ``(num_bootstrap,)``.
        num_components: Chosen number of components. Shape ``()``, integer.
        converged: Whether fit, search and all replicates ended well. Shape ``()``.
        num_steps: EM steps of the fit to all data. Shape ``()``, integer.
        value: Entropy of the fit to all data. Shape ``()``.
        jackknife_std: Standard deviation by the infinitesimal jackknife. Shape ``()``.
        integration_error: Error of the integral behind ``value``. Shape ``()``.
        num_failed: Replicates left out as not finite. Shape ``()``, integer.
        mixture: Fit to all data, padded with absent components.
        scores: Criterion of each number of components. Shape ``(max_components,)``.
    """

    mean: jax.Array
    std: jax.Array
    values: jax.Array
    num_components: jax.Array
    converged: jax.Array
    num_steps: jax.Array
    value: jax.Array
    jackknife_std: jax.Array
    integration_error: jax.Array
    num_failed: jax.Array
    mixture: GaussianMixture
    scores: jax.Array


class KLDivergence(NamedTuple):
    """An estimate of a Kullback-Leibler divergence; see `MutualInformation`.

    Attributes:
        mean: Bias-corrected estimate. Shape ``()``.
        std: Standard deviation of ``values``. Shape ``()``.
        values: Twice ``value`` minus each replicate's. Shape ``(num_bootstrap,)``.
        num_components: Chosen number of components. Shape ``()``, integer.
        converged: Whether fit, search and all replicates ended well. Shape ``()``.
        num_steps: EM steps of the fit to all data. Shape ``()``, integer.
        value: Divergence of the marginals of the fit to all data. Shape ``()``.
        jackknife_std: Standard deviation by the infinitesimal jackknife. Shape ``()``.
        integration_error: Error of the integral behind ``value``. Shape ``()``.
        num_failed: Replicates left out as not finite. Shape ``()``, integer.
        mixture: Fit to all data, padded with absent components.
        scores: Criterion of each number of components. Shape ``(max_components,)``.
    """

    mean: jax.Array
    std: jax.Array
    values: jax.Array
    num_components: jax.Array
    converged: jax.Array
    num_steps: jax.Array
    value: jax.Array
    jackknife_std: jax.Array
    integration_error: jax.Array
    num_failed: jax.Array
    mixture: GaussianMixture
    scores: jax.Array


class Estimate(NamedTuple):
    """An integral and the error of its evaluation, in nats.

    Attributes:
        value: The integral. Shape ``()``.
        standard_error: Error of the evaluation, zero for a closed form. Shape ``()``.
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


class IndependenceTest(NamedTuple):
    """A permutation test of independence.

    Attributes:
        value: Information of the fit to the data, in nats. Shape ``()``.
        null_mean: Mean over permuted data, in nats. Shape ``()``.
        null_std: Standard deviation over permuted data, in nats. Shape ``()``.
        p_value: Share of permutations, the data counted in, with at least ``value``.
            Shape ``()``.
    """

    value: jax.Array
    null_mean: jax.Array
    null_std: jax.Array
    p_value: jax.Array
