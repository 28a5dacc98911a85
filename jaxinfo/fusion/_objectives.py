"""What a fused space should have in common with its references."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.fingerprint import _clusterings

OBJECTIVES = ("exp_vi", "vi", "mutual_information", "nmi")


class References(NamedTuple):
    """What the objectives need of the references, computed once.

    Attributes:
        rows: Their centred rows; ``centred`` is ``(n, e, n)``, points first, as the
            gradient is several times faster so.
        own: I(V;V') of each. Shape ``(e,)``.
    """

    rows: _clusterings.Rows
    own: jax.Array


@compiled.jit(static_argnames=("objective",))
def loss(
    overlaps: ArrayLike, reference_overlaps: ArrayLike, *, objective: str = "exp_vi"
) -> jax.Array:
    r"""Loss of a space that is to resemble all reference spaces, to be minimised.

    With the mean over the references V,

    .. math::
        L_\text{exp\_vi} = -\langle e^{-\mathrm{VI}(U, V)} \rangle_V, \quad
        L_\text{vi} = \langle \mathrm{VI}(U, V) \rangle_V, \quad
        L_\text{mutual\_information} = -\langle I(U;V) \rangle_V, \quad
        L_\text{nmi} = -\langle \mathrm{NMI}(U, V) \rangle_V .

    ``"exp_vi"`` is the objective to use. The last two are degenerate when minimised for
    long: the information of a space that maximises ``"mutual_information"`` grows
    without bound, and ``"nmi"`` is largest, above 1, for spaces that carry almost no
    information.

    Differentiable in both overlaps; smooth also where a space carries little
    information, as at the start of a fusion. Costs :math:`O(e n^2)`.

    Args:
        overlaps: Overlaps in the space, 1 on the diagonal. Shape ``(n, n)``.
        reference_overlaps: Overlaps in the references, of the same points in the same
            order. Shape ``(e, n, n)``.
        objective: ``"exp_vi"``, ``"vi"``, ``"mutual_information"`` or ``"nmi"``.
            Static.

    Returns:
        Loss; between -1 and 0 for ``"exp_vi"``, in nats for ``"vi"`` and
        ``"mutual_information"``. Shape ``()``.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fusion
        >>> space, references = jnp.eye(4), jnp.stack([jnp.eye(4), jnp.ones((4, 4))])
        >>> print(fusion.loss(space, references))  # -(1 + exp(-log(4))) / 2
        -0.625
    """
    overlaps = checks.as_float("overlaps", overlaps, "(n, n)")
    reference_overlaps = checks.as_float(
        "reference_overlaps", reference_overlaps, "(e, n, n)", n=overlaps.shape[0]
    )
    checks.one_of("objective", objective, OBJECTIVES)
    overlaps, reference_overlaps = checks.promote(overlaps, reference_overlaps)
    rows = _clusterings.rows_of_overlaps(overlaps)
    return loss_of_rows(rows, prepare(reference_overlaps), objective)


def prepare(reference_overlaps: jax.Array) -> References:
    """Centre the references, once for all steps."""
    rows = _clusterings.rows_of_overlaps(jnp.swapaxes(reference_overlaps, 0, 1))
    return References(rows=rows, own=jnp.mean(_clusterings.shared(rows, rows), axis=0))


def loss_of_rows(
    rows: _clusterings.Rows,
    references: References,
    objective: str,
    weights: jax.Array | None = None,
) -> jax.Array:
    """The loss of a space in centred form; with weights ``(e,)`` a sum by them."""

    def mean(of_references: jax.Array) -> jax.Array:
        if weights is None:
            return jnp.mean(of_references)
        return jnp.sum(weights * of_references)

    n = rows.mean.shape[0]
    covariance = jnp.einsum(
        "ij,iej->ei",
        rows.centred,
        references.rows.centred,
        precision=jax.lax.Precision.HIGHEST,
    )
    scale = rows.mean[None, :] * references.rows.mean.T
    chex.assert_equal_shape([covariance, scale])
    mutual = jnp.mean(jnp.log1p(covariance / n / scale), axis=1)
    if objective == "mutual_information":
        return -mean(mutual)
    own = jnp.mean(_clusterings.shared(rows, rows))
    if objective == "nmi":
        return -mean(_clusterings.normalized(mutual, own, references.own))
    variation = own + references.own - 2 * mutual
    if objective == "vi":
        return mean(variation)
    return -mean(jnp.exp(-variation))
