"""Gradients of every differentiable function: right, and finite at the edges."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np

import jaxinfo
from tests import helpers
from tests.contracts.table import CASES, HEAVY, draw, parametrize, scalar_of

DIFFERENTIABLE = {name: case for name, case in CASES.items() if case.grad}


def value_and_gradient_of(case, args):
    """The scalar of a case with its derivatives, compiled, and where to take them."""

    def scalar(chosen):
        full = list(args)
        for position, value in zip(case.grad, chosen, strict=True):
            full[position] = case.through(value)
        return scalar_of(case, case.fn(*full, **case.kwargs))

    @jax.jit
    def derivatives(chosen, direction):
        # Forward and reverse from one linearisation, which is traced once.
        value, forward = jax.linearize(scalar, chosen)
        (reverse,) = jax.linear_transpose(forward, chosen)(jnp.ones_like(value))
        return value, reverse, forward(direction)

    return derivatives, [args[position] for position in case.grad]


@parametrize(DIFFERENTIABLE, slow=HEAVY)
def test_derivatives_equal_finite_differences_and_are_not_all_zero(case, x64):
    args = draw(case, jnp.float64)
    derivatives, at = value_and_gradient_of(case, args)
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), at)
    value, reverse, forward = derivatives(at, direction)
    helpers.assert_all_finite((value, reverse))
    assert any(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(reverse))

    step = 1e-6
    ahead, behind = (
        derivatives(
            jax.tree.map(lambda x, dx, s=s: x + s * step * dx, at, direction), direction
        )[0]
        for s in (1, -1)
    )
    expected = (ahead - behind) / (2 * step)
    products = jax.tree.map(jnp.vdot, reverse, direction)
    for slope in (forward, sum(jax.tree.leaves(products))):
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-5)


def degenerate(name, array, kind):
    """An argument like a given one, of spaces that tell nothing or everything."""
    if "overlaps" in name:
        n = array.shape[-1]
        edge = jnp.ones((n, n)) if kind == "nothing" else jnp.eye(n)
    elif name.startswith("means"):
        points = jnp.arange(float(array.size)).reshape(array.shape)
        edge = 0 * points if kind == "nothing" else 1e6 * points
    elif name.startswith(("log_variances", "logits")):
        edge = jnp.zeros(())
    else:
        return array
    return jnp.broadcast_to(edge, array.shape).astype(array.dtype)


def is_of_spaces(case):
    names = inspect.signature(case.fn).parameters
    # Of points that coincide, continuity is NaN, as documented.
    return case.fn is not jaxinfo.fusion.continuity and any(
        "overlaps" in name or name.startswith(("means", "log_variances", "logits"))
        for name in names
    )


@parametrize(
    {name: case for name, case in DIFFERENTIABLE.items() if is_of_spaces(case)},
    slow=HEAVY,
)
def test_gradient_is_finite_also_where_spaces_tell_nothing_or_everything(case):
    names = list(inspect.signature(case.fn).parameters)
    args = draw(case, jnp.float32)

    @jax.jit
    def value_and_gradient(*args):
        return jax.value_and_grad(
            lambda *args: scalar_of(case, case.fn(*args, **case.kwargs)),
            argnums=case.grad,
        )(*args)

    helpers.assert_all_finite(value_and_gradient(*args))
    for kind in ("nothing", "everything"):
        edge = [
            degenerate(name, arg, kind) if isinstance(arg, jax.Array) else arg
            for name, arg in zip(names, args, strict=False)
        ]
        helpers.assert_all_finite(value_and_gradient(*edge))
