"""Descent of the objectives with optax: free posteriors, and encoders."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled
from jaxinfo.fingerprint import _clusterings, _hellinger, _latents
from jaxinfo.fusion import _objectives
from jaxinfo.fusion._types import EncoderFusionResult, FusionResult


@compiled.jit(static_argnames=("dim", "optimizer", "num_steps", "objective"))
def fuse(
    key: ArrayLike,
    reference_overlaps: ArrayLike,
    *,
    dim: int,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    objective: str = "exp_vi",
    init_scale: ArrayLike = 0.05,
    initial: tuple[ArrayLike, ArrayLike] | None = None,
) -> FusionResult:
    r"""Fuse reference spaces into one space of freely optimised Gaussian posteriors.

    Minimises ``loss``; for ``"exp_vi"``, this is

    .. math::
        \min_{\mu, \ell}\; -\left\langle e^{-\mathrm{VI}(U(\mu, \ell), V)}
        \right\rangle_V ,

    over means and log-variances of n posteriors. It starts from standard normal means
    times ``init_scale`` and unit variances. ``optax.adam(0.05)`` with 1000 steps is a
    good choice; some starts end in a poor optimum, so try several keys (``jax.vmap``)
    and keep the lowest loss. The whole optimisation is one ``lax.scan``.

    Differentiable in ``reference_overlaps`` and ``initial``, through all steps. Costs
    :math:`O(e n^2 + n^2 d)` per step, in :math:`O(e n^2)` memory, and :math:`O(n d)`
    more per step in reverse mode.

    Args:
        key: Random key for the initial means; not used if ``initial`` is given.
        reference_overlaps: Overlaps in the references, 1 on the diagonals. Shape ``(e,
            n, n)``.
        dim: Dimension d of the fused space. Static.
        optimizer: Any optax optimiser, including ``optax.lbfgs()``. Static: each new
            object is compiled anew, so build it once.
        num_steps: Number of steps, at least 1. Static.
        objective: Objective of ``loss``. Static.
        init_scale: Standard deviation of the initial means. Scalar.
        initial: Means and log-variances to start from, both of shape ``(n, dim)``.

    Returns:
        The fused posteriors, and the loss before each step and at the end; NaN if the
        optimisation diverged.

    Raises:
        TypeError: If ``initial`` is not a pair.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4, who
        use plain gradient descent.

    Example:
        >>> import jax
        >>> import optax
        >>> from jaxinfo import fingerprint, fusion
        >>> cuts = jax.numpy.array([[0, 0, 1, 1], [0, 1, 0, 1]])  # of four points
        >>> references = jax.vmap(fingerprint.label_overlaps)(cuts)
        >>> fused = fusion.fuse(
        ...     jax.random.key(0),
        ...     references,
        ...     dim=2,
        ...     optimizer=optax.adam(0.05),
        ...     num_steps=500,
        ... )
        >>> print(f"{fused.loss:.3f}")  # nearer to both than they are to each other
        -0.747
    """
    references = checks.as_float("reference_overlaps", reference_overlaps, "(e, n, n)")
    prepared = _objectives.prepare(references)

    def loss_fn(rows: _clusterings.Rows) -> jax.Array:
        return _objectives.loss_of_rows(rows, prepared, objective)

    return fuse_by(
        loss_fn,
        key,
        references,
        dim=dim,
        optimizer=optimizer,
        num_steps=num_steps,
        objective=objective,
        init_scale=init_scale,
        initial=initial,
    )


def fuse_by(
    loss_fn: Callable[[_clusterings.Rows], jax.Array],
    key: ArrayLike,
    references: jax.Array,
    *,
    dim: int,
    optimizer: optax.GradientTransformation,
    num_steps: int,
    objective: str,
    init_scale: ArrayLike,
    initial: tuple[ArrayLike, ArrayLike] | None,
) -> FusionResult:
    """`fuse`, with the loss of the rows of a space as it is given."""
    key = checks.as_key("key", key)
    checks.at_least("dim", dim, 1)
    _check_descent(optimizer, num_steps, objective)
    n, dtype = references.shape[1], references.dtype
    if initial is None:
        scale = checks.as_scalar("init_scale", init_scale, dtype)
        means = scale * jax.random.normal(key, (n, dim), dtype)
        start = (means, jnp.zeros_like(means))
    else:
        start = _check_initial(initial, n, dim, dtype)

    def value_fn(parameters: tuple[jax.Array, jax.Array]) -> jax.Array:
        return loss_fn(_rows(*parameters))

    (means, log_variances), losses, last = _descend(
        start, value_fn, optimizer, num_steps
    )
    return FusionResult(
        means=means, log_variances=log_variances, losses=losses, loss=last
    )


@compiled.jit(static_argnames=("encoder_fn", "optimizer", "num_steps", "objective"))
def fuse_encoder(
    params: Any,
    x: ArrayLike,
    reference_overlaps: ArrayLike,
    *,
    encoder_fn: Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]],
    optimizer: optax.GradientTransformation,
    num_steps: int,
    objective: str = "exp_vi",
) -> EncoderFusionResult:
    r"""Train an encoder to fuse reference spaces.

    Minimises ``loss`` over the parameters :math:`\theta` of an encoder; for
    ``"exp_vi"``, this is

    .. math::
        \min_\theta\; -\left\langle e^{-\mathrm{VI}(U(f_\theta(x)), V)}
        \right\rangle_V .

    Unlike free posteriors, the encoder then embeds points outside the fingerprint. Any
    pure function will do. For a Flax model, use ``graphdef, params = nnx.split(model)``
    and ``encoder_fn = lambda params, x: nnx.merge(graphdef, params)(x)``. Training can
    be continued from the returned ``params``; the state of the optimiser then starts
    afresh.

    Differentiable in ``params`` and ``reference_overlaps``, through all steps. Costs
    :math:`O(e n^2 + n^2 d)` and a pass of the encoder per step, in :math:`O(e n^2)`
    memory, and the size of ``params`` more per step in reverse mode.

    Args:
        params: Parameters of the encoder, a pytree of floating arrays.
        x: The points of the fingerprint as the encoder takes them. Shape ``(n, ...)``.
        reference_overlaps: Overlaps in the references, 1 on the diagonals. Shape ``(e,
            n, n)``.
        encoder_fn: ``encoder_fn(params, x) -> (means, log_variances)``, both of shape
            ``(n, d)``. Static: each new function object is compiled anew.
        optimizer: Any optax optimiser. Static: build it once.
        num_steps: Number of steps, at least 1. Static.
        objective: Objective of ``loss``. Static.

    Returns:
        Parameters of the trained encoder, and the loss before each step and at the end;
        NaN if the optimisation diverged.

    Raises:
        ValueError: If ``x`` and ``reference_overlaps`` differ in the number of points.

    References:
        Murphy et al., `Comparing the information content of probabilistic
        representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025, section 4; the
        encoder is new here.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import optax
        >>> from jaxinfo import fingerprint, fusion
        >>> x = jnp.linspace(-1, 1, 20)[:, None]
        >>> references = fingerprint.gaussian_overlaps(5 * x, 0 * x)[None]
        >>> def encoder(params, x):
        ...     return params * x, 0 * x
        >>> fused = fusion.fuse_encoder(
        ...     jnp.ones(()),
        ...     x,
        ...     references,
        ...     encoder_fn=encoder,
        ...     optimizer=optax.adam(0.1),
        ...     num_steps=300,
        ... )
        >>> print(fused.params, fused.loss)
        5.0 -1.0
    """
    x = checks.as_float("x", x, "(...)")
    references = checks.as_float("reference_overlaps", reference_overlaps, "(e, n, n)")
    if x.shape[:1] != references.shape[1:2]:
        raise ValueError(
            f"Expected `x` to have {references.shape[1]} points, as "
            f"`reference_overlaps` has, got shape {x.shape}."
        )
    _check_descent(optimizer, num_steps, objective)

    prepared = _objectives.prepare(references)

    def value_fn(params: Any) -> jax.Array:
        means, log_variances = encoder_fn(params, x)
        rows = _rows(
            *checks.as_floats("(n, d)", means=means, log_variances=log_variances)
        )
        return _objectives.loss_of_rows(rows, prepared, objective)

    params, losses, last = _descend(params, value_fn, optimizer, num_steps)
    return EncoderFusionResult(params=params, losses=losses, loss=last)


def _rows(means: jax.Array, log_variances: jax.Array) -> _clusterings.Rows:
    """Centred rows of a Gaussian space.

    From the complements, not from overlaps, as a fusion starts with a weak space.
    """
    parameters = _hellinger.standardised(means, log_variances)
    parts = _latents.fold(
        _hellinger.gaussian, _hellinger.product, parameters, parameters
    )
    return _clusterings.rows(*_hellinger.distance_and_overlap(parts))


def _descend(
    start: Any,
    value_fn: Callable[[Any], jax.Array],
    optimizer: optax.GradientTransformation,
    num_steps: int,
) -> tuple[Any, jax.Array, jax.Array]:
    """Parameters after all steps, the loss before each, and the last."""
    # Line searches need the value and the function; other optimisers ignore them.
    extended = optax.with_extra_args_support(optimizer)

    def step(carry: tuple[Any, Any], _: None) -> tuple[tuple[Any, Any], jax.Array]:
        parameters, state = carry
        value, gradient = jax.value_and_grad(value_fn)(parameters)
        # optax mixes weak and strong types.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = extended.update(
                gradient,
                state,
                parameters,
                value=value,
                grad=gradient,
                value_fn=value_fn,
            )
            parameters = optax.apply_updates(parameters, updates)
        return (parameters, state), value

    with jax.numpy_dtype_promotion("standard"):
        state = extended.init(start)
    # Reverse mode keeps the parameters of each step, not the overlaps.
    (parameters, _), losses = jax.lax.scan(
        jax.checkpoint(step), (start, state), length=num_steps
    )
    return parameters, losses, value_fn(parameters)


def _check_descent(optimizer: Any, num_steps: int, objective: str) -> None:
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            "Expected `optimizer` to be an optax.GradientTransformation, got "
            f"{type(optimizer).__name__}."
        )
    checks.at_least("num_steps", num_steps, 1)
    checks.one_of("objective", objective, _objectives.OBJECTIVES)


def _check_initial(
    initial: tuple[ArrayLike, ArrayLike], n: int, dim: int, dtype: jnp.dtype
) -> tuple[jax.Array, jax.Array]:
    if not isinstance(initial, tuple | list) or len(initial) != 2:
        raise TypeError(
            "Expected `initial` to be a pair (means, log_variances), got "
            f"{type(initial).__name__}."
        )
    means, log_variances = (
        checks.as_float(f"initial[{k}]", x, "(n, dim)", n=n, dim=dim).astype(dtype)
        for k, x in enumerate(initial)
    )
    return means, log_variances
