"""Gradients of every differentiable function: right, and finite at the edges."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np

import jaxinfo
from tests import helpers
from tests.contracts.table import CASES, HEAVY, draw, parametrize, scalar_of

DIFFERENTIABLE = {name: case for name, case in CASES.items() if case.grad}


# What takes long to compile: the one has the descent of `fuse`, whose derivatives are
# held here, and the other has reference numbers of its derivatives.
LONG = {"fusion.fuse_encoder", "gmm.em"}


def derivatives_of(case, args):
    """The scalar of a case with its derivatives, of all arguments, compiled."""

    @jax.jit
    def derivatives(args, direction):
        def scalar(chosen):
            full = list(args)
            for position, value in zip(case.grad, chosen, strict=True):
                full[position] = case.through(value)
            return scalar_of(case, case.fn(*full, **case.kwargs))

        # Forward and reverse from one linearisation, which is traced once.
        chosen = [args[position] for position in case.grad]
        value, forward = jax.linearize(scalar, chosen)
        (reverse,) = jax.linear_transpose(forward, chosen)(jnp.ones_like(value))
        return value, reverse, forward(direction)

    return derivatives


@parametrize(DIFFERENTIABLE, slow=HEAVY | LONG)
def test_derivatives_equal_finite_differences_and_are_not_all_zero(case, x64):
    args = list(draw(case, jnp.float64))
    derivatives = derivatives_of(case, args)
    rng = np.random.default_rng(0)
    direction = [
        jax.tree.map(lambda leaf: np.asarray(rng.normal(size=leaf.shape)), args[i])
        for i in case.grad
    ]

    def moved(step):
        full = list(args)
        for position, along in zip(case.grad, direction, strict=True):
            full[position] = jax.tree.map(
                lambda x, dx: np.asarray(x) + step * dx, args[position], along
            )
        return full

    value, reverse, forward = derivatives(args, direction)
    helpers.assert_all_finite((value, reverse))
    assert any(np.any(np.asarray(leaf) != 0) for leaf in jax.tree.leaves(reverse))

    step = 1e-6
    ahead, behind = (derivatives(moved(s), direction)[0] for s in (step, -step))
    expected = (ahead - behind) / (2 * step)
    products = jax.tree.map(np.vdot, reverse, direction)
    for slope in (forward, sum(jax.tree.leaves(products))):
        np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-5)

    if is_of_spaces(case):
        for at_edge in edges(case, args):
            helpers.assert_all_finite(derivatives(at_edge, direction)[:2])


def degenerate(name, array, kind):
    """An argument like a given one, of spaces that tell nothing or everything."""
    if "overlaps" in name:
        n = array.shape[-1]
        edge = np.ones((n, n)) if kind == "nothing" else np.eye(n)
    elif name.startswith("means"):
        points = np.arange(float(array.size)).reshape(array.shape)
        edge = 0 * points if kind == "nothing" else 1e6 * points
    elif name.startswith(("log_variances", "logits")):
        edge = np.zeros(())
    else:
        return array
    return jnp.asarray(np.broadcast_to(edge, array.shape), array.dtype)


def edges(case, args):
    """Arguments of spaces that tell nothing, and that tell everything."""
    names = list(inspect.signature(case.fn).parameters)
    for kind in ("nothing", "everything"):
        yield [
            degenerate(name, arg, kind) if isinstance(arg, jax.Array) else arg
            for name, arg in zip(names, args, strict=False)
        ]


def is_of_spaces(case):
    names = inspect.signature(case.fn).parameters
    # Of points that coincide, continuity is NaN, and samples of other spaces than those
    # at the edge are impossible there, as documented.
    has_no_edges = (
        jaxinfo.fusion.continuity,
        jaxinfo.disentanglement.latent_information,
        jaxinfo.disentanglement.full_latent_information,
    )
    return case.fn not in has_no_edges and any(
        "overlaps" in name or name.startswith(("means", "log_variances", "logits"))
        for name in names
    )


# Single precision underflows where double does not.
@parametrize(
    {name: case for name, case in DIFFERENTIABLE.items() if is_of_spaces(case)},
    slow=HEAVY
    | LONG
    | {
        "fusion.fuse",
        "fingerprint.monte_carlo_compare",
        "fingerprint.von_mises_overlaps",
    },
)
def test_derivatives_are_finite_at_the_edges_also_in_single_precision(case):
    args = list(draw(case, jnp.float32))
    derivatives = derivatives_of(case, args)
    direction = [jax.tree.map(jnp.zeros_like, args[i]) for i in case.grad]
    for at in (args, *edges(case, args)):
        helpers.assert_all_finite(derivatives(at, direction)[:2])
