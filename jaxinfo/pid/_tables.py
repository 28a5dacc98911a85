"""Tables of two sources and a target, and what they tell."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.measures import _tables
from jaxinfo.pid import _redundancies


class Informations(NamedTuple):
    """What the sources tell about the target, alone and together, in nats."""

    x: jax.Array
    y: jax.Array
    xy: jax.Array


@compiled.jit(static_argnames=("num_states",))
def table(labels: ArrayLike, *, num_states: tuple[int, ...]) -> jax.Array:
    r"""Table of relative frequencies of labels, for decompositions of discrete data.

    .. math::
        p_{ab\dots} = \left| \{ i : l_{i1} = a,\ l_{i2} = b, \dots \} \right| / n .

    A plug-in estimate: its informations are biased upwards by about the number of cells
    over ``2 n``. Not differentiable. Costs :math:`O(n v)` and the size of the table.

    Args:
        labels: Variables in the columns, the target last; integers or booleans from 0.
            Shape ``(n, v)``.
        num_states: Number of states of each variable; some may be absent. Static.

    Returns:
        Frequencies in the default floating dtype; all NaN if a label is out of range.
        Shape ``num_states``.

    Raises:
        ValueError: If ``num_states`` does not hold one positive number per column.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import pid
        >>> labels = jnp.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
        >>> p_xyt = pid.table(labels, num_states=(2, 2, 2))
        >>> print(pid.williams_beer(p_xyt).synergistic)  # log(2)
        0.6931
    """
    labels = checks.as_labels("labels", labels, "(n, v)")
    checks.one_per_column("num_states", num_states, "labels", labels.shape[1])
    sizes = jnp.asarray(num_states)
    is_valid = jnp.all((labels >= 0) & (labels < sizes[None]))
    cells = jnp.ravel_multi_index(tuple(labels.T), num_states, mode="clip")
    counts = jnp.zeros(math.prod(num_states), int).at[cells].add(1)
    frequencies = counts.astype(float) / labels.shape[0]
    return jnp.where(is_valid, frequencies, jnp.nan).reshape(num_states)


def read(p_xyt: ArrayLike) -> jax.Array:
    """The table of two sources and a target; all NaN if it is no probability table."""
    return _tables.as_table("p_xyt", p_xyt, "(x, y, t)")


def informations(p_xyt: jax.Array) -> Informations:
    """What the sources of a table tell about its target."""
    return Informations(
        x=_redundancies.information(p_xyt, (0,)),
        y=_redundancies.information(p_xyt, (1,)),
        xy=_redundancies.information(p_xyt, (0, 1)),
    )
