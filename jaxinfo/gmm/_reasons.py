"""Why a result is not to be trusted, as a number that works under jit and vmap."""

import enum

import jax
import jax.numpy as jnp


class Reason(enum.IntEnum):
    """Why a fit or an estimate should not be trusted.

    The field ``reason`` of results holds these numbers: ``gmm.Reason(int(r.reason))``
    names one, and ``r.reason == gmm.Reason.TIED`` compares a whole array of them. Where
    several apply, the first non-zero one in this list is given.

    Attributes:
        SUCCESSFUL: Nothing was found; ``converged`` is true.
        INVALID: A NaN or infinity in a row of positive weight, weights that are
            negative or all zero, or a label out of range. All results are NaN: correct
            the data, or give such rows weight zero.
        SINGULAR: The data have no density: a column is constant, or others determine it
            to within a few rounding errors of the dtype; or there are no more rows than
            columns. All results are NaN. Leave the column out, add the noise with which
            it was measured, or compute in float64.
        TIED: Few rows are distinct: fewer than 100, and fewer than half of all,
            weighted by how often they occur. Values on a coarse grid have no density:
            see ``measures``, or `class_mutual_information` if one side is of this kind.
            Replace repeated rows by one, weighted by its number of repetitions; the
            error is then that of as many independent samples as rows remain.
        COLLAPSED: Components that hold more than a hundredth of all weight are as
            narrow as ``regularization`` allows: they sit on repeated values of a column
            (a share of exact zeros, say), or on a curve. Information about repeated
            values of one side is mostly right; entropy is not.
        MISFIT: A few Gaussians do not describe the columns. Either the same fit finds
            information of more than two errors where one side is shuffled, and the
            value is too high by about as much; or one Gaussian was chosen although a
            single row makes up 0.3 of its variance, and the value means little. Take
            logarithms of positive columns, or `normal_scores`, or leave such rows out.
        BROKEN: A step of EM, or the value of the fit, was not finite. Raise
            ``regularization``, lower ``max_components`` or compute in float64.
        STEPS_RAN_OUT: EM took ``max_steps`` steps without converging. Raise it, or
            ``tol``.
        COMPONENTS_RAN_OUT: The search had not ended at ``max_components``. Raise it.
        REPLICATES_FAILED: Fits to resampled data were not finite, and are left out of
            ``value`` and ``standard_error``; ``num_failed`` counts them.
    """

    SUCCESSFUL = 0
    INVALID = 1
    SINGULAR = 2
    TIED = 3
    COLLAPSED = 4
    MISFIT = 5
    BROKEN = 6
    STEPS_RAN_OUT = 7
    COMPONENTS_RAN_OUT = 8
    REPLICATES_FAILED = 9


def first_of(**conditions: jax.Array) -> jax.Array:
    """The first reason, in the order of `Reason`, whose condition holds.

    Conditions by the names of reasons, in lower case.
    """
    reason = jnp.zeros((), jnp.int32)
    for one in reversed(Reason):
        condition = conditions.pop(one.name.lower(), None)
        if condition is not None:
            reason = jnp.where(condition, one.value, reason)
    assert not conditions, conditions
    return reason


def worse_of(one: jax.Array, other: jax.Array) -> jax.Array:
    """The one that comes first in the order of `Reason`, zero last."""
    return jnp.where((one == 0) | ((other != 0) & (other < one)), other, one)
