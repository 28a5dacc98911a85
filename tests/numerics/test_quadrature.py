"""Nodes of integrals against SciPy's."""

import numpy as np
import pytest
from scipy.stats import qmc

from jaxinfo._numerics import quadrature


@pytest.mark.parametrize("num_nodes", [1, 2, 64, 4096])
@pytest.mark.parametrize("dim", [1, 2, 5, 12, 13])
def test_points_are_those_of_scipy(num_nodes, dim):
    expected = qmc.Sobol(dim, scramble=False, bits=32).random(num_nodes)
    found = quadrature.sobol_integers(num_nodes, dim)
    np.testing.assert_array_equal(found / 2.0**32, expected)
