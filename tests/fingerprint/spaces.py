"""Representation spaces that tests are about."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo import fingerprint


def random_channels(n, m, dtype, *, seed=0, spread=2.0):
    """Means and log-variances of unrelated channels, ``(n, m)``."""
    rng = np.random.default_rng(seed)
    means = spread * rng.normal(size=(m, n)).T
    log_variances = 0.5 * rng.normal(size=(m, n)).T - 1
    return jnp.asarray(means, dtype), jnp.asarray(log_variances, dtype)


@jax.jit
def overlaps_of(means, log_variances):
    """Overlaps of each channel, ``(m, n, n)``."""
    return jax.vmap(fingerprint.gaussian_overlaps)(
        means.T[..., None], log_variances.T[..., None]
    )


# Many pairs of spaces at once, compiled once a shape.
compare_pairs = jax.jit(jax.vmap(fingerprint.compare))


def reference_compare(overlaps_u, overlaps_v):
    """The definitions, in NumPy and double precision, without the centred form."""

    def information(overlaps):
        return -np.mean(np.log(np.mean(overlaps, axis=1)))

    u, v = (np.asarray(b, np.float64) for b in (overlaps_u, overlaps_v))
    mutual = information(u) + information(v) - information(u * v)
    own_u, own_v = (2 * information(b) - information(b * b) for b in (u, v))
    return fingerprint.Comparison(
        information_u=information(u),
        information_v=information(v),
        mutual_information=mutual,
        nmi=mutual / np.sqrt(own_u * own_v),
        vi=own_u + own_v - 2 * mutual,
    )
