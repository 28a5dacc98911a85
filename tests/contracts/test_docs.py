"""What the docstring and the signature of every public function keep to."""

import inspect
import re

import pytest

from tests.contracts.cases import HOST_SIDE
from tests.contracts.table import PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_is_complete(name):
    fn = PUBLIC[name]
    doc = inspect.getdoc(fn)
    sections = re.findall(r"^(Args|Returns|Raises|References|Example):$", doc, re.M)
    assert [s for s in sections if s not in ("Raises", "References")] == [
        "Args",
        "Returns",
        "Example",
    ]
    order = ["Args", "Returns", "Raises", "References", "Example"]
    assert sections == sorted(sections, key=order.index)
    if name not in HOST_SIDE:
        # The formula may stand in the summary line.
        assert ":math:" in doc or ".. math::" in doc
        assert "ifferentiable" in doc
        assert "Costs" in doc
    for parameter in inspect.signature(fn).parameters:
        assert re.search(rf"^    \*{{0,2}}{parameter}: ", doc, re.M), parameter
    assert ">>> " in doc


@pytest.mark.parametrize("name", PUBLIC)
def test_data_is_positional_and_options_are_keywords(name):
    parameters = inspect.signature(PUBLIC[name]).parameters.values()
    for parameter in parameters:
        # Data may be left out, and are then None.
        has_default = parameter.default not in (parameter.empty, None)
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert not has_default, f"{parameter.name} is an option"
    names = [parameter.name for parameter in parameters]
    # After the mesh, where there is one.
    assert "key" not in names or names.index("key") == names.count("mesh")
