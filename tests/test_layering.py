"""Imports point to lower layers only, and heavy libraries stay where they belong."""

import ast
import pathlib
import subprocess
import sys

import pytest

import jaxinfo

ROOT = pathlib.Path(jaxinfo.__file__).parent
LAYERS = {
    "_numerics": 0,
    "measures": 1,
    "gmm": 2,
    "neighbors": 2,
    "diffusion": 2,
    "fingerprint": 2,
    "pid": 2,
    "fusion": 3,
    "transfer_entropy": 3,
    "information_plane": 3,
    "disentanglement": 3,
    "metrics": 4,
    "sharding": 4,
    "plotting": 4,
}
MAY_IMPORT = {
    "optax": {"fusion"},
    "flax": {"information_plane", "metrics"},
    "matplotlib": {"plotting"},
    "sklearn": {"fingerprint", "information_plane", "diffusion", "disentanglement"},
}
LATE = {"matplotlib", "sklearn"}
MODULES = sorted(path for path in ROOT.rglob("*.py") if path.parent != ROOT) + [
    path for path in ROOT.glob("*.py") if path.name != "__init__.py"
]


def package_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(node):
    """Full names that an import statement loads."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        if node.module == "jaxinfo":
            return [f"jaxinfo.{alias.name}" for alias in node.names]
        return [node.module]
    return []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_to_lower_layers_only(path):
    tree = ast.parse(path.read_text())
    package = package_of(path)
    for node in ast.walk(tree):
        for name in imported(node):
            top, *rest = name.split(".")
            if top == "jaxinfo" and rest and rest[0] != package:
                assert LAYERS[rest[0]] < LAYERS[package], f"{package} imports {name}"
            if top in MAY_IMPORT:
                assert package in MAY_IMPORT[top], f"{package} imports {top}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_heavy_libraries_are_imported_inside_functions(path):
    tree = ast.parse(path.read_text())
    late = [name for node in tree.body for name in imported(node)]
    assert not LATE & {name.split(".")[0] for name in late}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not {name.split(".")[0] for name in imported(node)} & {
            "pickle",
            "joblib",
            "dill",
        }
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "__import__"}


def test_every_package_has_its_place_in_the_layers():
    assert {package_of(path) for path in MODULES} <= set(LAYERS)


def test_public_names_are_sorted_and_exist():
    for package in (jaxinfo, *(getattr(jaxinfo, n) for n in jaxinfo.__all__)):
        names = getattr(package, "__all__", None)
        if names is not None:
            assert names == sorted(names)
            assert all(hasattr(package, name) for name in names)


def test_import_loads_no_optional_library():
    loaded = subprocess.run(
        [sys.executable, "-c", "import jaxinfo, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"matplotlib", "sklearn", "pandas", "pytest", "tqdm"} & set(loaded)


def test_import_leaves_the_configuration_and_the_devices_alone():
    code = (
        "import jax; before = dict(jax.config.values); import jaxinfo; "
        "assert dict(jax.config.values) == before; assert not jax.live_arrays()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
