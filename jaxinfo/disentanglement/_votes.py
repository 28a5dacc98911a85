"""Scores of disentanglement by which latents stop varying when a factor is fixed."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.disentanglement import _columns


@compiled.jit(static_argnames=("num_votes", "batch_size"))
def factor_vae_score(
    key: ArrayLike,
    codes: ArrayLike,
    factors: ArrayLike,
    *,
    num_votes: int = 800,
    batch_size: int = 100,
) -> jax.Array:
    r"""FactorVAE score: whether the least varying latent identifies the fixed factor.

    A vote draws a factor k, one of its values that occur, and a batch of points that
    have it, with replacement; the vote goes to the latent

    .. math::
        \arg\min_l \frac{\operatorname{Var}_\text{batch}(z_l)}{\operatorname{Var}(z_l)}.

    After ``num_votes`` votes, each latent stands for the factor from which it received
    most votes, or the first one of a tie. The score is the share of as many further
    votes whose latent stands for their factor. It is about :math:`1 / K` for
    uninformative codes, and does not detect a factor that several latents share.

    Not differentiable: the gradient is zero. Costs :math:`O(k n \log n)` to sort, and
    :math:`O(b d)` for each of the votes; memory is :math:`O(n (d + k))` and the indices
    of all batches.

    Args:
        key: Random key.
        codes: Codes of the points, one column per latent. Shape ``(n, d)``.
        factors: Factors of variation that the points were made from, any integers or
            booleans. Shape ``(n, k)``.
        num_votes: Number of votes for the majorities, and again for the score. Static.
        batch_size: Number b of points per vote, at least 2. Static.

    Returns:
        Share of votes, between 0 and 1. Constant latents get no vote, and the score is
        0 if all are. A value that only one point has leaves no latent varying, and its
        vote goes to the first latent. NaN if a code is not finite. Shape ``()``.

    References:
        Kim and Mnih, `Disentangling by factorising <https://arxiv.org/abs/1802.05983>`_,
        2018, section 4. Points are drawn from those given, not from a generator.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> factors = jnp.stack([jnp.arange(60) % 3, jnp.arange(60) % 4], axis=1)
        >>> score = disentanglement.factor_vae_score(
        ...     jax.random.key(0), factors.astype(float), factors, num_votes=50
        ... )
        >>> print(score)
        1.0
    """
    key = checks.as_key("key", key)
    codes = checks.as_float("codes", codes, "(n, d)")
    labels = checks.as_labels("factors", factors, "(n, k)", n=codes.shape[0])
    checks.at_least("num_votes", num_votes, 1)
    checks.at_least("batch_size", batch_size, 2)
    n, dim = codes.shape
    num_factors = labels.shape[1]
    is_finite = jnp.all(_columns.is_finite(codes))
    varies = _columns.varies(codes)
    # In one range, where no square overflows; ratios do not depend on it.
    scaled = jax.lax.stop_gradient(_columns.rescaled(codes))
    scaled = jnp.where(is_finite, scaled, 0)
    spread = jnp.where(varies, jnp.var(scaled, axis=0), 1)

    # Points with the same value stand in a row, from a start to the next.
    order = jnp.argsort(labels, axis=0)
    ordered = jnp.take_along_axis(labels, order, axis=0)
    is_new = jnp.concatenate(
        [jnp.ones((1, num_factors), bool), ordered[1:] != ordered[:-1]]
    )
    place = jnp.arange(n, dtype=order.dtype)[:, None]
    starts = jnp.sort(jnp.where(is_new, place, n), axis=0)
    starts = jnp.pad(starts, ((0, 1), (0, 0)), constant_values=n)
    num_values = jnp.sum(is_new, axis=0, dtype=order.dtype)

    def vote(draws: jax.Array) -> tuple[jax.Array, jax.Array]:
        factor = _nth(draws[0], jnp.asarray(num_factors, order.dtype))
        value = _nth(draws[1], num_values[factor])
        start, stop = starts[value, factor], starts[value + 1, factor]
        batch = scaled[order[start + _nth(draws[2:], stop - start), factor]]
        # The correction of either variance is common to all latents.
        still = jnp.where(varies, jnp.var(batch, axis=0) / spread, jnp.inf)
        return jnp.argmin(still), factor

    draws = jax.random.uniform(key, (2 * num_votes, 2 + batch_size), codes.dtype)
    latents, held = jax.lax.map(vote, draws)
    first, second = slice(num_votes), slice(num_votes, None)
    counts = jnp.zeros((dim, num_factors), int)
    counts = counts.at[latents[first], held[first]].add(1)
    majority = jnp.argmax(counts, axis=1)[latents[second]]
    score = jnp.mean(majority == held[second], dtype=codes.dtype)
    score = jnp.where(jnp.any(varies), score, 0)
    return jnp.where(is_finite, score, jnp.nan)


def _nth(draws: jax.Array, number: jax.Array) -> jax.Array:
    """Whole numbers below a number, from draws of the unit interval."""
    whole = jnp.floor(draws * number.astype(draws.dtype)).astype(number.dtype)
    # A product may round to the number itself.
    return jnp.minimum(whole, number - 1)
