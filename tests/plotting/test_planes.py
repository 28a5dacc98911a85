"""Figures of the information plane."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinfo import information_plane, plotting


@pytest.fixture(autouse=True)
def close_figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


@pytest.fixture
def trajectory():
    labels = jnp.arange(40) % 2
    x = jnp.linspace(0, 1, 40)[:, None]
    records = [
        {
            name: information_plane.binned(scale * x, labels, num_classes=2)
            for name, scale in (("first", 9.0), ("second", growth))
        }
        for growth in (0.1, 0.5, 1.0)
    ]
    return information_plane.stack(np.array([0, 10, 100]), records)


def test_marks_are_bits_and_hollow_where_saturated(trajectory):
    ax = plotting.information_plane(trajectory, num_samples=40)
    hollow, full = {}, {}
    for k, collection in enumerate(ax.collections):
        kind = hollow if k % 2 == 0 else full
        kind[k // 2] = collection.get_offsets()
    planes = trajectory.coordinates
    bits = np.asarray(planes.information_x) / np.log(2)
    assert np.all(planes.is_saturated[:, 0])
    np.testing.assert_allclose(hollow[0][:, 0], bits[:, 0], rtol=1e-5)
    assert len(full[0]) == 0
    np.testing.assert_allclose(full[1][:, 0], bits[:, 1], rtol=1e-5)
    assert ax.get_xlabel() == "I(X; bin(T)) (bits)"
    assert ax.get_ylabel() == "I(bin(T); Y) (bits)"


def test_lines_are_at_the_ends_of_what_can_be(trajectory, close_figures):
    _, given = close_figures.subplots()
    null = information_plane.LabelNull(jnp.log(2.0) / 4, jnp.zeros(()), jnp.ones(()))
    ax = plotting.information_plane(
        trajectory, num_samples=40, nulls=[null] * 2, ax=given
    )
    assert ax is given
    vertical = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"]
    np.testing.assert_allclose(vertical, np.log2(40))
    dashed = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(dashed, 1.0, rtol=1e-6)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[:2] == ["first", "second"]
    assert "shuffled labels" in names


def test_axes_show_no_rounding(trajectory):
    planes = trajectory.coordinates
    noise = 1e-7 * np.arange(planes.information_y.size).reshape(-1, 2)
    flat = dataclasses.replace(planes, information_y=planes.label_entropy - noise)
    ax = plotting.information_plane(
        dataclasses.replace(trajectory, coordinates=flat), num_samples=40
    )
    low, high = ax.get_ylim()
    assert high - low == pytest.approx(0.1)
    assert low < 1 < high
    # Wider ranges are those of the points.
    low, high = ax.get_xlim()
    bits = np.asarray(planes.information_x) / np.log(2)
    assert low < bits.min() < low + 0.1 * (high - low)


def test_bars_reach_from_lower_bounds_to_upper_ones(trajectory):
    planes = trajectory.coordinates
    less = dataclasses.replace(planes, information_x=planes.information_x / 2)
    lower = dataclasses.replace(trajectory, coordinates=less)
    ax = plotting.information_plane(trajectory, num_samples=40, lower=lower)
    bars = [one for one in ax.collections if hasattr(one, "get_segments")]
    bits = np.asarray(planes.information_x) / np.log(2)
    for k, bar in enumerate(bars):
        ends = np.stack(bar.get_segments())[:, :, 0]
        expected = np.stack([bits[:, k] / 2, bits[:, k]], axis=1)
        np.testing.assert_allclose(ends, expected, rtol=1e-5)
    assert len(bars) == 2


def test_sizes_that_differ_are_named(trajectory):
    draw = plotting.information_plane
    null = information_plane.LabelNull(jnp.zeros(()), jnp.zeros(()), jnp.ones(()))
    with pytest.raises(ValueError, match="each of the 2 layers, got 1"):
        draw(trajectory, num_samples=40, nulls=[null])
    short = jax.tree.map(lambda leaf: leaf[:2], trajectory.coordinates)
    lower = dataclasses.replace(trajectory, coordinates=short)
    with pytest.raises(ValueError, match=r"`lower` to have \(3, 2\) .*, got \(2, 2\)"):
        draw(trajectory, num_samples=40, lower=lower)


def test_more_layers_than_markers_are_named(trajectory):
    wide = dataclasses.replace(trajectory, layers=tuple("abcdefghi"))
    with pytest.raises(ValueError, match="at most 8 layers, got 9"):
        plotting.information_plane(wide, num_samples=40)
