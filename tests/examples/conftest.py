"""Each test module here is about the example whose name it has."""

import importlib.util
import pathlib

import jax
import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def example(request):
    """The example as a module."""
    name = request.path.stem.removeprefix("test_")
    (script,) = EXAMPLES.glob(f"[0-9]*_{name}.py")
    spec = importlib.util.spec_from_file_location(name, script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def standard_promotion():
    """Examples are written for users, who have no strict promotion."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield
