"""Fixtures of all tests, and the strictness that the library is held to."""

import gc
import itertools
import os
import pathlib

import jaxlib

# Before jax starts. Workers of pytest-xdist already fill all cores; and compilation, on
# which tests spend their time, takes a third of it without optimisation and, where it
# is still there, with the older code generator. Empty flags compile as for users.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_multi_thread_eigen=false --xla_backend_optimization_level=0"
    + (
        " --xla_cpu_use_fusion_emitters=false"
        if jaxlib.__version__.startswith("0.10.")
        else ""
    ),
)
# As with the threads of XLA: those of LAPACK would wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import jax.numpy as jnp
import pytest
from hypothesis import settings

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Compilation breaks deadlines; fixed examples keep runs repeatable.
settings.register_profile(
    "jaxinfo", deadline=None, max_examples=25, derandomize=True, database=None
)
settings.load_profile("jaxinfo")


# Programs and their traces are many objects that stay: to look through all of them as
# often as Python does by itself takes a twentieth of the time.
gc.set_threshold(50_000, 10, 10)


# Every compiled program maps memory, and Linux ends a process that asks for more than
# 65530 maps, amid a compilation. Programs are given up well before: after the file that
# compiled them, as its tests share them and others hardly do; within one, late.
_MOST_AFTER_A_FILE = 15_000
_MOST_WITHIN = 45_000
_MAPS = pathlib.Path("/proc/self/maps")
_ended = itertools.count()


def forget_programs(most):
    if _MAPS.exists() and _MAPS.read_bytes().count(b"\n") > most:
        jax.clear_caches()


@pytest.fixture(autouse=True, scope="module")
def room_for_programs_of_the_next_file():
    """Forget the programs of a file after its last test."""
    yield
    forget_programs(_MOST_AFTER_A_FILE)


@pytest.fixture(autouse=True)
def room_for_programs():
    """Forget compiled programs before they fill the process."""
    yield
    if next(_ended) % 8 == 0:
        forget_programs(_MOST_WITHIN)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Run a test in both precisions."""
    with jax.enable_x64(request.param == "float64"):
        yield jnp.dtype(request.param)


@pytest.fixture
def x64():
    """Run a test in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def key():
    return jax.random.key(0)
