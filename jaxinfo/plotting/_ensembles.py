"""Figures of what an ensemble of models knows."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jax.typing import ArrayLike

from jaxinfo._numerics import checks
from jaxinfo.fingerprint import ChannelClusters, PairwiseComparison
from jaxinfo.plotting import _figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def similarity_matrix(
    comparison: PairwiseComparison,
    clusters: ChannelClusters,
    *,
    measure: str = "vi",
    label_nmi: ArrayLike | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    r"""Draw the similarity of all channels in OPTICS order, with clusters framed.

    Shows :math:`e^{-\mathrm{VI}}` or NMI; above it the reachability profile over the
    clusters, to its left the NMI of each channel with a label.

    Args:
        comparison: Comparison of all pairs of the channels.
        clusters: Clusters of the channels, from ``fingerprint.cluster_channels``.
        measure: ``"vi"`` or ``"nmi"``, as given to ``fingerprint.channel_distances``.
        label_nmi: NMI of each channel with a label. Shape ``(m,)``.
        ax: Axes to draw into, by default in a new figure; the profiles are attached to
            them.

    Returns:
        The axes of the matrix.

    Raises:
        ImportError: If matplotlib is not installed.
        ValueError: If ``measure`` is unknown.

    References:
        The figures of Murphy et al., `Comparing the information content of
        probabilistic representation spaces <https://arxiv.org/abs/2405.21042>`_, 2025.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import fingerprint, plotting
        >>> means = jnp.array([[0.0, 0, 9, 9]] * 3 + [[0.0, 9, 9, 0]] * 3).T
        >>> comparison = fingerprint.gaussian_pairwise(means, 0 * means)
        >>> distances = fingerprint.channel_distances(comparison)
        >>> clusters = fingerprint.cluster_channels(distances, min_samples=2)
        >>> plotting.similarity_matrix(comparison, clusters).get_ylabel()
        'Channel, in OPTICS order'
    """
    checks.one_of("measure", measure, ("vi", "nmi"))
    ax = _figures.axes(ax, (6.8, 6.2))
    order = clusters.ordering
    labels, reachability = clusters.labels[order], clusters.reachability[order]
    reachability = np.where(np.isfinite(reachability), reachability, np.nan)
    if measure == "vi":
        similarity, quantity = (
            np.exp(-np.asarray(comparison.vi)),
            "exp(-VI), VI in nats",
        )
        reachability, distance = _figures.bits(reachability), "VI (bits)"
    else:
        similarity, quantity = np.asarray(comparison.nmi), "NMI"
        distance = "-log NMI"
    image = ax.imshow(
        similarity[np.ix_(order, order)],
        cmap="magma_r",
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    ax.figure.colorbar(image, ax=ax, shrink=0.7, label=f"{quantity}, by overlaps")
    profile = ax.inset_axes((0, 1.02, 1, 0.2), sharex=ax)
    profile.plot(reachability, color="black", linewidth=1)
    for label in range(labels.max() + 1):
        members = np.flatnonzero(labels == label)
        first, last = members.min() - 0.5, members.max() + 0.5
        corners = [first, last, last, first, first], [first, first, last, last, first]
        ax.plot(*corners, color=_figures.COLORS[5], linewidth=1.5)
        profile.axvspan(first, last, color="0.85", zorder=0)
    profile.set_ylabel(f"Reachability,\n{distance}")
    profile.tick_params(labelbottom=False)
    ax.set_xlabel("Channel, in OPTICS order")
    ax.set_ylabel("Channel, in OPTICS order")
    if label_nmi is not None:
        _attach_label_strip(ax, np.asarray(label_nmi)[order])
    return ax


def _attach_label_strip(ax: "Axes", label_nmi: npt.NDArray[Any]) -> None:
    """Bars at the left of a matrix: how much each row tells about a label."""
    strip = ax.inset_axes((-0.32, 0, 0.14, 1), sharey=ax)
    strip.barh(np.arange(len(label_nmi)), label_nmi, 1, color=_figures.COLORS[0])
    # At least a tenth, as a channel may share nothing with the label.
    largest = max(np.ceil(10 * label_nmi.max()) / 10, 0.1)
    strip.set_xlim(largest, 0)
    strip.set_xticks([largest, 0])
    strip.set_xlabel("NMI with\nthe label,\nby overlaps")
    strip.tick_params(labelleft=False)


def channel_information(
    information: ArrayLike,
    groups: Sequence[str],
    *,
    threshold: float = 0.01 * math.log(2),
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the information of channels, largest first, one line per model.

    Models of one group share a colour.

    Args:
        information: Information of each channel in nats. Shape ``(models, d)``.
        groups: Name of each model's group. ``models`` strings.
        threshold: Information in nats below which channels are dropped, drawn as a
            line.
        ax: Axes to draw into.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import plotting
        >>> ax = plotting.channel_information(np.array([[1.0, 0.1]]), ["beta = 1"])
        >>> ax.get_ylabel()
        'Information I(X;U) by overlaps (bits)'
    """
    ax = _figures.axes(ax, (6.0, 3.6))
    ordered = -np.sort(-_figures.bits(information), axis=1)
    ranks = np.arange(1, ordered.shape[1] + 1)
    names = list(dict.fromkeys(groups))
    for name, values in zip(groups, ordered, strict=True):
        color = _figures.COLORS[names.index(name) % len(_figures.COLORS)]
        ax.plot(ranks, values, "o-", color=color, alpha=0.6, markersize=3, linewidth=1)
    for k, name in enumerate(names):
        ax.plot(
            [], [], "o-", color=_figures.COLORS[k % len(_figures.COLORS)], label=name
        )
    ax.axhline(
        float(_figures.bits(threshold)),
        color="0.4",
        linestyle=":",
        label="dropped below",
    )
    ax.set_yscale("symlog", linthresh=0.01, linscale=0.5)
    ax.set_ylim(bottom=0)
    ax.set_xticks(ranks)
    ax.set_xlabel("Channel of a model, most informative first")
    ax.set_ylabel("Information I(X;U) by overlaps (bits)")
    ax.legend(loc="lower left", framealpha=1)
    return ax


def consistency(
    positions: ArrayLike,
    similarity: ArrayLike,
    spread: ArrayLike,
    *,
    names: Sequence[str],
    quantity: str,
    position_label: str,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the similarity of runs along training or a hyperparameter.

    Args:
        positions: Positions along the axis, positive; shown on a logarithmic scale.
            Shape ``(t,)``.
        similarity: Mean over the pairs of each group. Shape ``(g, t)``.
        spread: Half-height of the error bars. Shape ``(g, t)``.
        names: Name of each group. ``g`` strings.
        quantity: What is shown, with its estimator and unit, for the vertical axis.
        position_label: What the positions are, for the horizontal axis.
        ax: Axes to draw into.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> import numpy as np
        >>> from jaxinfo import plotting
        >>> ax = plotting.consistency(
        ...     np.array([1, 10, 100]),
        ...     np.array([[1.0, 0.6, 0.9]]),
        ...     np.full((1, 3), 0.02),
        ...     names=["beta = 1"],
        ...     quantity="NMI, by Monte Carlo",
        ...     position_label="Training step",
        ... )
        >>> ax.get_xlabel()
        'Training step'
    """
    ax = _figures.axes(ax, (5.0, 3.6))
    positions = np.asarray(positions)
    rows = zip(names, np.asarray(similarity), np.asarray(spread), strict=True)
    for k, (name, values, errors) in enumerate(rows):
        # Moved aside a little, so that error bars do not hide each other.
        aside = positions * 1.03 ** (k - len(names) / 2)
        ax.errorbar(
            aside,
            values,
            errors,
            fmt="o-",
            color=_figures.COLORS[k % len(_figures.COLORS)],
            markersize=4,
            linewidth=1,
            capsize=2,
            label=name,
        )
    ax.set_xscale("log")
    ax.set_xticks(positions, [f"{position:g}" for position in positions])
    ax.set_xticks([], minor=True)
    ax.set_xlabel(position_label)
    ax.set_ylabel(quantity)
    ax.legend(frameon=False)
    return ax
