import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxinfo import fingerprint, fusion
from tests.helpers import assert_all_finite, assert_close, load, optimized

OBJECTIVES = ["exp_vi", "vi", "mutual_information", "nmi"]
ADAM = optax.adam(0.05)


def start(dtype):
    reference = load("fingerprint", "fusion_start")
    references, initial = (
        [
            jnp.asarray(reference[f"{which}_{name}"], dtype)
            for name in ("means", "log_variances")
        ]
        for which in ("reference", "initial")
    )
    return reference, jax.vmap(fingerprint.gaussian_overlaps)(*references), initial


@jax.jit
def all_losses(overlaps, references):
    """Loss by each objective, in one program."""
    return {
        objective: fusion.loss(overlaps, references, objective=objective)
        for objective in OBJECTIVES
    }


@jax.jit
def all_losses_and_gradients(means, log_variances, references):
    """Loss by each objective and its gradient in the posteriors, in one program."""

    def losses(means, log_variances):
        overlaps = fingerprint.gaussian_overlaps(means, log_variances)
        values = all_losses(overlaps, references)
        return values, values

    gradients, values = jax.jacrev(losses, argnums=(0, 1), has_aux=True)(
        means, log_variances
    )
    return values, gradients


def test_loss_and_gradient_match_the_reference(dtype):
    reference, references, initial = start(dtype)
    losses, gradients = all_losses_and_gradients(*initial, references)
    is_double = dtype == jnp.float64
    for objective in OBJECTIVES:
        expected = reference[f"{objective}_loss"]
        bound = 1e-10 if is_double else 1e-5 * abs(expected)
        assert abs(losses[objective] - expected) < bound, objective
        for gradient, name in zip(
            gradients[objective], ("means", "log_variances"), strict=True
        ):
            expected = reference[f"{objective}_grad_{name}"]
            gap = np.max(np.abs(np.asarray(gradient) - expected))
            gap /= np.max(np.abs(expected))
            assert gap < (1e-9 if is_double else 1e-3), (objective, name)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_descent_matches_the_reference_step_by_step(x64, objective):
    reference, references, initial = start(jnp.float64)
    bound = 1e-6 if objective == "nmi" else 1e-8
    fuse = optimized(
        fusion.fuse, dim=2, optimizer=SGD, num_steps=10, objective=objective
    )
    # Plain descent has no memory, so ten steps, ten times, are a hundred.
    for num_steps in range(10, 110, 10):
        result = fuse(jax.random.key(0), references, initial=tuple(initial))
        initial = result.means, result.log_variances
        if num_steps in (10, 100):
            for name in ("means", "log_variances", "loss"):
                expected = reference[f"{objective}_{name}_{num_steps}"]
                assert_close(getattr(result, name), expected, tolerance=bound)


SGD = optax.sgd(3.0)


@pytest.mark.parametrize("objective", ["exp_vi", "mutual_information", "nmi"])
def test_long_descents_end_where_the_reference_does(x64, objective):
    outcome = load("fingerprint", "fusion_outcome")
    _, references, _ = start(jnp.float64)
    means, log_variances = (
        outcome[f"{objective}_{name}"] for name in ("means", "log_variances")
    )
    overlaps = fingerprint.gaussian_overlaps(means, log_variances)
    loss = fusion.loss(overlaps, references, objective=objective)
    assert abs(loss - outcome[f"{objective}_losses"][-1]) < 1e-4
    if objective == "nmi":  # soft spaces that tell little may exceed one
        assert loss < -1.2
    information = fingerprint.information(overlaps)
    assert_close(information, outcome[f"{objective}_information"], tolerance=1e-6)
    for closed, name in ((False, "continuity"), (True, "continuity_closed")):
        actual = fusion.continuity(means, log_variances, closed=closed)
        assert_close(actual, outcome[f"{objective}_{name}"], tolerance=1e-6)


@pytest.mark.slow
def test_ten_weak_learners_fuse_into_a_ring():
    _, references, _ = start(jnp.float32)
    fuse = functools.partial(fusion.fuse, dim=2, optimizer=ADAM, num_steps=1000)
    keys = jax.random.split(jax.random.key(0), 8)
    fused = jax.lax.map(lambda key: fuse(key, references), keys)
    best = jnp.argmin(fused.loss)
    assert fused.loss[best] < -0.85
    assert fusion.continuity(fused.means[best], fused.log_variances[best]) <= 3
    information = fingerprint.information(
        fingerprint.gaussian_overlaps(fused.means[best], fused.log_variances[best])
    )
    assert 1.9 < information < 2.2


def test_losses_are_those_before_each_step(key):
    references = fingerprint.label_overlaps(jnp.array([0, 0, 1, 1]))[None]
    fuse = functools.partial(fusion.fuse, key, references, dim=1, optimizer=ADAM)
    long, short = fuse(num_steps=5), fuse(num_steps=2)
    assert_close(long.losses[:2], short.losses)
    assert_close(long.losses[2], short.loss)
    assert long.losses.shape == (5,)


def test_a_space_is_recovered_from_itself(key):
    x = jnp.linspace(-3, 3, 20)[:, None]
    references = fingerprint.gaussian_overlaps(x, 0 * x)[None]
    fused = fusion.fuse(
        key, references, dim=1, optimizer=ADAM, num_steps=400, init_scale=0.5
    )
    assert fused.loss < -0.9


@pytest.mark.parametrize(
    "optimizer",
    [optax.lbfgs(), optax.adamw(0.05), optax.sgd(1.0)],
    ids=["lbfgs", "adamw", "sgd"],
)
def test_any_optimizer_descends(key, optimizer):
    x = jnp.linspace(-3, 3, 20)[:, None]
    references = fingerprint.gaussian_overlaps(x, 0 * x)[None]
    fused = fusion.fuse(key, references, dim=1, optimizer=optimizer, num_steps=20)
    assert fused.loss < fused.losses[0]


def test_descent_starts_right_where_the_space_is_weak():
    # Means of 1e-4: the loss changes by 1e-9, and its gradient keeps its digits.
    _reference, _references, initial = start(jnp.float32)
    means, log_variances = initial[0] * 2e-3, initial[1]

    def gradient(dtype):
        with jax.enable_x64(dtype == jnp.float64):
            _, references, _ = start(dtype)
            arguments = [
                jnp.asarray(np.asarray(x), dtype) for x in (means, log_variances)
            ]
            fused = fusion.fuse(
                jax.random.key(0),
                references,
                dim=2,
                optimizer=UNIT_SGD,
                num_steps=1,
                initial=tuple(arguments),
            )
            return np.asarray(fused.means, np.float64) - np.asarray(arguments[0])

    exact, single = gradient(jnp.float64), gradient(jnp.float32)
    assert np.max(np.abs(single - exact)) < 1e-3 * np.max(np.abs(exact))


UNIT_SGD = optax.sgd(1.0)


def test_restarts_are_batched_by_vmap(key):
    references = fingerprint.label_overlaps(jnp.array([0, 0, 1, 1]))[None]
    fuse = functools.partial(
        fusion.fuse, reference_overlaps=references, dim=1, optimizer=ADAM, num_steps=3
    )
    keys = jax.random.split(key, 3)
    batched = jax.vmap(lambda key: fuse(key))(keys)
    assert_close(batched.loss, [fuse(one).loss for one in keys])


def test_references_without_information_have_finite_losses_and_gradients():
    ones = jnp.ones((6, 6))
    assert_all_finite(all_losses(ones, ones[None]))
    assert_all_finite(jax.jit(jax.jacrev(all_losses))(ones, ones[None]))


def test_gradients_through_a_descent_hold_no_overlaps_of_each_step():
    n, steps = 128, 200
    references = jax.ShapeDtypeStruct((2, n, n), jnp.float32)

    def last(references):
        return fusion.fuse(
            jax.random.key(0), references, dim=1, optimizer=ADAM, num_steps=steps
        ).loss

    memory = jax.jit(jax.grad(last)).lower(references).compile().memory_analysis()
    assert memory.temp_size_in_bytes < steps * n * n * 4 / 2


def test_loss_of_equal_spaces_is_the_best(dtype):
    overlaps = fingerprint.label_overlaps(jnp.arange(6) % 3).astype(dtype)
    losses = all_losses(overlaps, overlaps[None])
    assert_close(losses["exp_vi"], -1.0)
    assert_close(losses["vi"], 0.0)
    assert_close(losses["nmi"], -1.0)
    assert_close(losses["mutual_information"], -np.log(3))


def test_a_flax_encoder_embeds_points_off_the_fingerprint():
    with jax.numpy_dtype_promotion("standard"):
        from flax import nnx

        model = nnx.Linear(1, 2, rngs=nnx.Rngs(0))
        graphdef, params = nnx.split(model)

        def encoder(params, x):
            with (
                jax.numpy_dtype_promotion("standard"),
                jax.numpy_rank_promotion("allow"),
            ):
                return jnp.split(nnx.merge(graphdef, params)(x), 2, axis=1)

        x = jnp.linspace(-2, 2, 25)[:, None]
        references = fingerprint.gaussian_overlaps(2 * x, 0 * x)[None]
        fused = fusion.fuse_encoder(
            params, x, references, encoder_fn=encoder, optimizer=ADAM, num_steps=300
        )
        assert fused.loss < -0.95
        between = encoder(fused.params, jnp.array([[0.33], [0.34]]))
        assert fingerprint.gaussian_overlaps(*between)[0, 1] > 0.99


@pytest.mark.parametrize("closed", [True, False])
def test_continuity_matches_definition(dtype, closed):
    rng = np.random.default_rng(0)
    means, log_variances = rng.normal(size=(20, 2)), 0.3 * rng.normal(size=(20, 2))
    pairs = [(i, (i + 1) % 20) for i in range(20 if closed else 19)]
    variances = np.exp(log_variances)
    distances = []
    for i, j in pairs:
        middle = (variances[i] + variances[j]) / 2
        parts = (means[i] - means[j]) ** 2 / (8 * middle) + np.log(middle) / 2
        distances.append(np.sum(parts - (log_variances[i] + log_variances[j]) / 4))
    expected = np.max(distances) / np.percentile(distances, 90)
    actual = fusion.continuity(
        *(jnp.asarray(x, dtype) for x in (means, log_variances)), closed=closed
    )
    assert_close(actual, expected, scale=10)


def test_a_cut_ring_is_told_from_a_closed_one():
    angles = jnp.linspace(0, 1.5 * np.pi, 50)
    arc = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
    assert fusion.continuity(arc, 0 * arc, closed=False) < 1.01
    assert fusion.continuity(arc, 0 * arc) > 100


def test_bad_arguments_are_named(key):
    references = jnp.ones((2, 4, 4))
    good = {"dim": 2, "optimizer": ADAM, "num_steps": 2}
    with pytest.raises(ValueError, match=r"`objective` to be one of 'exp_vi'.*got 'x'"):
        fusion.loss(references[0], references, objective="x")
    with pytest.raises(ValueError, match=r"`reference_overlaps` .* with n = 4"):
        fusion.loss(references[0], jnp.ones((2, 3, 3)))
    with pytest.raises(ValueError, match=r"`reference_overlaps` to have shape"):
        fusion.fuse(key, references[0], **good)
    with pytest.raises(ValueError, match="`dim` to be at least 1, got 0"):
        fusion.fuse(key, references, **{**good, "dim": 0})
    with pytest.raises(ValueError, match="`num_steps` to be at least 1, got 0"):
        fusion.fuse(key, references, **{**good, "num_steps": 0})
    with pytest.raises(TypeError, match=r"`optimizer` to be an optax.Grad.*got str"):
        fusion.fuse(key, references, **{**good, "optimizer": "adam"})
    with pytest.raises(
        TypeError, match="`key` to be a typed key, got an array of dtype int32"
    ):
        fusion.fuse(0, references, **good)
    initial = (jnp.zeros((3, 2)), jnp.zeros((3, 2)))
    with pytest.raises(
        ValueError, match=r"`initial\[0\]` to have shape \(n, dim\) with"
    ):
        fusion.fuse(key, references, **good, initial=initial)
    with pytest.raises(TypeError, match=r"`initial` to be a pair .*, got"):
        fusion.fuse(key, references, **good, initial=(jnp.zeros((4, 2)),))
    with pytest.raises(ValueError, match="`x` to have 4 points"):
        fusion.fuse_encoder(
            jnp.ones(()),
            jnp.ones((3, 1)),
            references,
            encoder_fn=lambda params, x: (x, x),
            optimizer=ADAM,
            num_steps=1,
        )
    with pytest.raises(ValueError, match="`means` to have at least 2 points"):
        fusion.continuity(jnp.ones((1, 2)), jnp.ones((1, 2)))
