"""Representation spaces that tests are about."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxinfo import fingerprint


def random_channels(m, n, dtype, *, seed=0, spread=2.0):
    """Means and log-variances of unrelated channels, ``(m, n)``."""
    rng = np.random.default_rng(seed)
    means = spread * rng.normal(size=(m, n))
    log_variances = 0.5 * rng.normal(size=(m, n)) - 1
    return jnp.asarray(means, dtype), jnp.asarray(log_variances, dtype)


def overlaps_of(means, log_variances):
    """Overlaps of each channel, ``(m, n, n)``."""
    return jax.vmap(fingerprint.gaussian_overlaps)(
        means[..., None], log_variances[..., None]
    )


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
