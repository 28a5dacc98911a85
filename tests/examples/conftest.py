"""Each test module here is about the example whose name it has."""

import pathlib

import jax
import pytest

from tests import helpers

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def example(request):
    """The example as a module."""
    name = request.path.stem.removeprefix("test_")
    (script,) = EXAMPLES.glob(f"[0-9]*_{name}.py")
    return helpers.load_script(script)


@pytest.fixture(autouse=True)
def standard_promotion():
    """Examples are written for users, who have no strict promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
