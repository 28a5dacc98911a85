"""Which samples of two series make up future, past and source."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled, options, units


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Timing:
    r"""Histories, delays and lags of transfer entropy.

    Sample n joins the future :math:`y_n`, the past :math:`y_{n - 1 - i \tau_y}` for
    :math:`i < k`, the source :math:`x_{n - u - i \tau_x}` for :math:`i < l`, and, if
    there is a third series, the condition :math:`z_{n - u_z - i \tau_z}` for :math:`i <
    k_z`. The first sample is the first for which all of these exist.

    All fields are static.

    Attributes:
        target_history: Number k of past values of the target. With 0, transfer entropy
            is the lagged mutual information.
        source_history: Number l of values of the source. At least 1.
        lag: Steps u from the source to the future; 0 is the instantaneous form.
        target_delay: Steps between the past values. At least 1.
        source_delay: Steps between the values of the source. At least 1.
        condition_history: Number of values of the condition. At least 1.
        condition_lag: Steps from the condition to the future. At least 0.
        condition_delay: Steps between the values of the condition. At least 1.

    Raises:
        TypeError: If a field is not an int.
        ValueError: If a field is too small.

    Example:
        >>> from jaxinfo import transfer_entropy
        >>> transfer_entropy.Timing(target_history=2).lag
        1
    """

    target_history: int = options.static(1)
    source_history: int = options.static(1)
    lag: int = options.static(1)
    target_delay: int = options.static(1)
    source_delay: int = options.static(1)
    condition_history: int = options.static(1)
    condition_lag: int = options.static(1)
    condition_delay: int = options.static(1)

    def __post_init__(self) -> None:
        for name, least in (
            ("target_history", 0),
            ("source_history", 1),
            ("lag", 0),
            ("target_delay", 1),
            ("source_delay", 1),
            ("condition_history", 1),
            ("condition_lag", 0),
            ("condition_delay", 1),
        ):
            checks.at_least(name, getattr(self, name), least)

    def past(self) -> list[int]:
        """Steps from the future back to each past value of the target."""
        return [1 + i * self.target_delay for i in range(self.target_history)]

    def source(self) -> list[int]:
        """Steps from the future back to each value of the source."""
        return [self.lag + i * self.source_delay for i in range(self.source_history)]

    def condition(self) -> list[int]:
        """Steps from the future back to each value of the condition."""
        return [
            self.condition_lag + i * self.condition_delay
            for i in range(self.condition_history)
        ]

    def reach(self, *, has_condition: bool = False) -> int:
        """Most steps that a sample looks back, which is the step of the first one."""
        conditions = self.condition() if has_condition else []
        return max([0, *self.past(), *self.source(), *conditions])


def check_length(
    name: str, num_steps: int, timing: Timing, *, has_condition: bool = False
) -> None:
    """Check that a series is longer than what one sample looks at."""
    reach = timing.reach(has_condition=has_condition)
    if num_steps <= reach:
        raise ValueError(
            f"Expected `{name}` to have more steps than the {reach} that `timing` "
            f"looks back, got {num_steps}."
        )


def lagged(series: jax.Array, lags: list[int], reach: int) -> jax.Array:
    """Earlier values of a series ``(t, ...)`` for each sample, ``(l, N, ...)``."""
    num_steps = series.shape[0]
    values = [series[reach - lag : num_steps - lag] for lag in lags]
    if not values:
        return jnp.zeros((0, num_steps - reach, *series.shape[1:]), series.dtype)
    return jnp.stack(values)


class Embedding(NamedTuple):
    """The variables of transfer entropy, sample by sample.

    Attributes:
        future: Target. Shape ``(N, b)``.
        target_past: Past values of the target, latest first, and then those of the
            condition, if there is one. Shape ``(N, k b + k_z c)``.
        source_past: Values of the source, latest first. Shape ``(N, l a)``.
    """

    future: jax.Array
    target_past: jax.Array
    source_past: jax.Array


@compiled.jit
def embed(
    source: ArrayLike,
    target: ArrayLike,
    condition: ArrayLike | None = None,
    *,
    timing: Timing = Timing(),
) -> Embedding:
    r"""Collect the future, the past and the source of each sample of transfer entropy.

    Transfer entropy is the conditional mutual information of ``future`` and
    ``source_past`` given ``target_past``. Replications of a process are embedded
    separately, by ``vmap``, and their rows joined, before they are passed to an
    estimator of that quantity.

    Differentiable in the series. Costs :math:`O(t (k b + l a))`.

    Args:
        source: Source series. Shape ``(t, a)``.
        target: Target series. Shape ``(t, b)``.
        condition: Conditioning series. Shape ``(t, c)``.
        timing: Histories, delays and lags, see `Timing`. Static.

    Returns:
        Variables with a row for each of the N samples. Without a target history,
        ``target_past`` has no columns.

    Raises:
        ValueError: If the series have no more steps than ``timing`` looks back.

    References:
        Schreiber, `Measuring information transfer
        <https://arxiv.org/abs/nlin/0001042>`_, 2000, equation 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import transfer_entropy
        >>> x, y = jnp.arange(3.0)[:, None], 10.0 + jnp.arange(3.0)[:, None]
        >>> embedding = transfer_entropy.embed(x, y)
        >>> print(embedding.future[:, 0], embedding.target_past[:, 0])
        [11. 12.] [10. 11.]
        >>> print(embedding.source_past[:, 0])
        [0. 1.]
    """
    series = read_series(source, target, condition)
    return embed_series(series, timing)


class Series(NamedTuple):
    """Continuous series of one length.

    Attributes:
        source: Shape ``(t, a)``.
        target: Shape ``(t, b)``.
        condition: Shape ``(t, c)``, or ``None``.
    """

    source: jax.Array
    target: jax.Array
    condition: jax.Array | None


def read_series(
    source: ArrayLike, target: ArrayLike, condition: ArrayLike | None
) -> Series:
    """Check continuous series."""
    x = checks.as_float("source", source, "(t, a)")
    y = checks.as_float("target", target, "(t, b)", t=x.shape[0])
    if condition is None:
        x, y = checks.promote(x, y)
        return Series(x, y, None)
    z = checks.as_float("condition", condition, "(t, c)", t=x.shape[0])
    return Series(*checks.promote(x, y, z))


def standardized(series: Series) -> Series:
    """Columns of the whole series, centred and divided by their deviation."""
    source, target, condition = series
    return Series(
        units.standardized(source),
        units.standardized(target),
        None if condition is None else units.standardized(condition),
    )


def embed_series(series: Series, timing: Timing) -> Embedding:
    """Embed series that were checked."""
    source, target, condition = series
    has_condition = condition is not None
    check_length("source", source.shape[0], timing, has_condition=has_condition)
    reach = timing.reach(has_condition=has_condition)

    def join(series: jax.Array, lags: list[int]) -> jax.Array:
        values = lagged(series, lags, reach)
        width = len(lags) * series.shape[1]
        return jnp.moveaxis(values, 0, 1).reshape(values.shape[1], width)

    past = join(target, timing.past())
    if condition is not None:
        past = jnp.concatenate([past, join(condition, timing.condition())], axis=1)
    return Embedding(
        future=target[reach:],
        target_past=past,
        source_past=join(source, timing.source()),
    )
