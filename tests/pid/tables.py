"""Tables that several tests use, padded with empty states to share programs."""

import numpy as np


def padded(table, shape):
    """A table with empty states added at the ends of its axes."""
    return np.pad(
        table, [(0, new - old) for old, new in zip(table.shape, shape, strict=True)]
    )


def random_tables(number, shapes, padded_to, seed=0):
    """Draw tables, uniform on the simplex, of the given shapes in turn."""
    rng = np.random.default_rng(seed)
    tables = []
    for i in range(number):
        shape = shapes[i % len(shapes)]
        table = rng.dirichlet(np.ones(np.prod(shape))).reshape(shape)
        tables.append(padded(table, padded_to))
    return np.stack(tables)


def of_function(fn, *sizes):
    """Table of independent uniform sources and a target that follows from them."""
    values = np.array([fn(*states) for states in np.ndindex(*sizes)])
    table = np.zeros((*sizes, values.max() + 1))
    for states, value in zip(np.ndindex(*sizes), values, strict=True):
        table[(*states, value)] = 1 / np.prod(sizes)
    return table


AND = of_function(lambda x, y: x & y, 2, 2)
XOR = of_function(lambda x, y: x ^ y, 2, 2)
COPY = of_function(lambda x, y: 2 * x + y, 2, 2)
REDUNDANT = np.zeros((2, 2, 2))
REDUNDANT[0, 0, 0] = REDUNDANT[1, 1, 1] = 0.5
