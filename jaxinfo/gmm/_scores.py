"""Ranks of columns as normal quantiles."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled


@compiled.jit
def normal_scores(x: ArrayLike) -> jax.Array:
    r"""Replace each column by the normal quantiles of its ranks.

    .. math::
        z_n = \Phi^{-1} \Big( \frac{r_n - 1/2}{N} \Big)

    with the rank :math:`r_n` of the entry among the :math:`N` of its column, where
    equal entries have their mean rank. Information does not change with monotone maps
    of single columns, so `mutual_information` of the scores is that of the data, and a
    few Gaussians suffice for marginals that are far from Gaussian: heavy tails, columns
    that span decades. It hurts where the dependence is simple in the original data but
    curved in the scores: on logarithms of ordered Weinman variables (n = 200) the bias
    went from -0.02 to -0.07 nats. Take logarithms instead where these are natural.

    Not differentiable: ranks are step functions. Costs :math:`O(N \log N)` time per
    column.

    Args:
        x: Samples. Shape ``(n, d)``.

    Returns:
        Scores, about standard normal in each column; zero for a constant column, and
        all NaN for a column with a NaN. Shape ``(n, d)``.

    References:
        Van der Waerden, Order tests for the two-sample problem and their power, 1952.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import gmm
        >>> print(gmm.normal_scores(jnp.array([[1.0], [10.0], [1000.0]]))[:, 0])
        [-0.967  0.     0.967]
    """
    x = jax.lax.stop_gradient(checks.as_float("x", x, "(n, d)"))

    def of_column(column: jax.Array) -> jax.Array:
        ordered = jnp.sort(column)
        below = jnp.searchsorted(ordered, column, side="left")
        up_to = jnp.searchsorted(ordered, column, side="right")
        # Twice the mean rank, less one.
        middle = (below + up_to).astype(column.dtype) / (2 * column.shape[0])
        scores = jax.scipy.special.ndtri(middle)
        return jnp.where(jnp.any(jnp.isnan(column)), jnp.nan, scores)

    return jax.vmap(of_column, in_axes=1, out_axes=1)(x)
