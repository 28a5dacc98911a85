"""The entanglement attack: copies of all latents, and what it takes from each."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo import fingerprint
from jaxinfo._numerics import checks, compiled, linalg, logspace
from jaxinfo.disentanglement._types import AttackOracle

# Of integrals over a standard normal variable: beyond its ends there is no mass left,
# and the trapezoid rule is exact to rounding.
_FURTHEST = 10.0
_NUM_NODES = 2001


@compiled.jit
def redundancy_attack(
    means: ArrayLike,
    log_variances: ArrayLike,
    *,
    strength: ArrayLike,
    rotation: ArrayLike | None = None,
) -> fingerprint.FullGaussian:
    r"""Append noisy, mixed copies of all latents to the posteriors.

    With :math:`\varepsilon \sim N(0, I)` and an orthogonal U,

    .. math::
        z' = (z, \alpha U z + \varepsilon), \qquad
        z'|x \sim N\left( \begin{pmatrix} \mu \\ \alpha U \mu \end{pmatrix}, L L^\top
        \right), \quad L = \begin{pmatrix} \operatorname{diag} \sigma & 0 \\
        \alpha U \operatorname{diag} \sigma & I \end{pmatrix} .

    The copies make the information of single latents redundant, the more so the
    stronger they are, and leave the latents themselves unchanged: a score of
    disentanglement should fall. Latents and copies depend on each other given the data:
    use `full_unibound`.

    Differentiable in every argument. Costs :math:`O(n d^2)`.

    Args:
        means: Means of the posteriors. Shape ``(n, d)``.
        log_variances: Logarithms of their variances. Shape ``(n, d)``.
        strength: Factor :math:`\alpha` of the copies, whose noise has a standard
            deviation of one. Non-negative scalar; a negative one gives NaN.
        rotation: Orthogonal matrix U, which is not checked; None is the reflection
            :math:`I - (2/d) 1 1^\top`. Shape ``(d, d)``.

    Returns:
        Means ``(n, 2 d)`` and Cholesky factors of the covariances ``(n, 2 d, 2 d)``.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 6.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> means = jnp.array([[1.0, 0.0]])
        >>> attacked = disentanglement.redundancy_attack(means, 0 * means, strength=2.0)
        >>> print(attacked.means)
        [[ 1.  0.  0. -2.]]
    """
    means, log_variances = checks.as_floats(
        "(n, d)", means=means, log_variances=log_variances
    )
    n, dim = means.shape
    strength = checks.as_scalar("strength", strength, means.dtype)
    strength = jnp.where(strength >= 0, strength, jnp.nan)
    identity = jnp.eye(dim, dtype=means.dtype)
    if rotation is None:
        mixing = identity - 2 / dim
    else:
        mixing = checks.as_float("rotation", rotation, "(d, d)", d=dim)
        mixing = mixing.astype(means.dtype)
    copies = strength * mixing
    deviations = jnp.exp(log_variances / 2)
    above = jnp.concatenate([identity, 0 * identity], axis=1)
    above = above[None] * jnp.pad(deviations, ((0, 0), (0, dim)))[:, None, :]
    below = jnp.concatenate(
        [
            copies[None] * deviations[:, None, :],
            jnp.broadcast_to(identity[None], (n, dim, dim)),
        ],
        axis=2,
    )
    return fingerprint.FullGaussian(
        means=jnp.concatenate([means, linalg.product(means, copies.T)], axis=1),
        scale_trils=jnp.concatenate([above, below], axis=1),
    )


@compiled.jit
def attack_oracle(
    levels: ArrayLike, *, variance: ArrayLike, strength: ArrayLike
) -> AttackOracle:
    r"""Exact atoms of a latent that is its factor plus noise, after the attack.

    The factor takes each level :math:`s` with the same probability, other factors are
    independent of it, and each has such a latent of its own. After `redundancy_attack`
    with any orthogonal matrix the copies are worth one more observation of the latent,
    with noise :math:`1/\alpha^2`. With :math:`I(v)` the information of :math:`s + N(0,
    v)` about the level,

    .. math::
        U = I(\sigma^2) - R, \qquad R = I(\sigma^2 + 1/\alpha^2), \qquad S = 0 ,

    and all bounds of UniBound are tight: estimates should reach these values, up to
    sampling error.

    Differentiable in every argument. Costs :math:`O(v^2)`, 2001 nodes each.

    Args:
        levels: Means of the latent for the values of the factor. Shape ``(v,)``.
        variance: Variance :math:`\sigma^2` of its noise. Positive scalar.
        strength: Strength :math:`\alpha` of the attack. Non-negative scalar.

    Returns:
        Atoms in nats; divided by ``log(v)`` they are shares of the entropy of the
        factor. NaN if the variance is not positive or the strength negative.

    References:
        Tokui and Sato, `Disentanglement analysis with partial information decomposition
        <https://arxiv.org/abs/2108.13753>`_, 2022, section 6, for the attack; its exact
        solution for such codes is not theirs.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import disentanglement
        >>> levels = jnp.array([-1.0, 0.0, 1.0])
        >>> atoms = disentanglement.attack_oracle(levels, variance=0.1, strength=2.0)
        >>> print(atoms.unique, atoms.redundant)
        0.3914 0.5158
    """
    levels = checks.as_float("levels", levels, "(v,)")
    variance = checks.as_scalar("variance", variance, levels.dtype)
    strength = checks.as_scalar("strength", strength, levels.dtype)
    variance = jnp.where(variance > 0, variance, jnp.nan)
    strength = jnp.where(strength >= 0, strength, jnp.nan)
    # By inverse deviations, which stay smooth where the attack vanishes.
    whole = _information(levels, jax.lax.rsqrt(variance))
    is_strong = strength > 1
    weak, strong = jnp.where(is_strong, 1, strength), jnp.where(is_strong, strength, 1)
    redundant = _information(
        levels,
        jnp.where(
            is_strong,
            jax.lax.rsqrt(1 / strong**2 + variance),
            weak * jax.lax.rsqrt(1 + weak**2 * variance),
        ),
    )
    return AttackOracle(
        unique=whole - redundant, redundant=redundant, informativeness=whole
    )


def _information(levels: jax.Array, inverse_deviation: jax.Array) -> jax.Array:
    """Information of a noisy level about which it is."""
    nodes = jnp.linspace(-_FURTHEST, _FURTHEST, _NUM_NODES, dtype=levels.dtype)
    weights = jax.nn.softmax(-(nodes**2) / 2)
    apart = (levels[:, None] - levels[None, :]) * inverse_deviation
    # Log of the density of each level over that of the true one, at each node.
    ratios = -(apart**2)[:, :, None] / 2 - apart[:, :, None] * nodes[None, None]
    # Exactly zero where all levels are as likely.
    surprise = logspace.log_mean_exp(ratios, axis=1)
    return -jnp.mean(jnp.sum(weights[None] * surprise, axis=1))
