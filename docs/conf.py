"""Settings of the site: ``python -m sphinx -W docs docs/_build``."""

import pathlib
import sys

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import list_functions  # noqa: E402

import jaxinfo  # noqa: E402

project = "jaxinfo"
author = "the authors of jaxinfo"
copyright = "the authors of jaxinfo, Apache-2.0"  # noqa: A001
version = release = jaxinfo.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    # MathJax as files of the site: formulas need no network either.
    "sphinx-mathjax-offline",
]
exclude_patterns = ["_build"]
# A name in single backticks, in a docstring, is that of a function.
default_role = "py:obj"
# Those that mean nothing are warnings.
nitpicky = True
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say more: shapes, units, ranges
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_attr_annotations = False

html_theme = "furo"
html_title = f"jaxinfo {version}"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True


def find_object(environment: BuildEnvironment, target: str, module: str):
    """The documented object that a name means, as docstrings and pages write it.

    ``spectral_entropy`` means that of the package whose docstring it stands in,
    ``gmm.fit`` that of another one.
    """
    objects = environment.get_domain("py").objects
    name = target.strip("`").removesuffix("()")
    candidates = [name, f"jaxinfo.{name}"]
    if module:
        candidates.insert(0, f"{module}.{name}")
    for candidate in candidates:
        if candidate in objects:
            return candidate, objects[candidate]
    return None


def resolve(
    app: Sphinx,
    environment: BuildEnvironment,
    node: addnodes.pending_xref,
    content: nodes.Node,
) -> nodes.Node | None:
    """Resolve a name without the package that it is in."""
    found = find_object(environment, node["reftarget"], node.get("py:module", ""))
    if found is None:
        return None
    name, entry = found
    return make_refnode(
        app.builder, node["refdoc"], entry.docname, entry.node_id, content, name
    )


class LinkNames(SphinxPostTransform):
    """Make links of the functions that the Markdown pages name in code.

    So the pages read the same on the site and in the repository.
    """

    default_priority = 5

    def run(self, **kwargs) -> None:
        """Replace literals that are the name of a documented object."""
        here = self.env.docname
        if here.startswith("api/"):
            return
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, nodes.reference):
                continue
            text = literal.astext()
            # Bare names are ambiguous here, but on the page of all functions.
            section = literal.parent
            while section is not None and not isinstance(section, nodes.section):
                section = section.parent
            module = ""
            if here == "functions" and section is not None:
                module = f"jaxinfo.{section[0].astext()}"
            elif "." not in text:
                if text in jaxinfo.__all__ and hasattr(jaxinfo, text):
                    self._link(literal, f"api/{text}", "")
                continue
            found = find_object(self.env, text, module)
            if found is not None:
                self._link(literal, found[1].docname, found[1].node_id)

    def _link(self, literal: nodes.literal, page: str, anchor: str) -> None:
        if page not in self.env.found_docs:
            return
        reference = make_refnode(
            self.app.builder, self.env.docname, page, anchor, literal.deepcopy()
        )
        literal.replace_self(reference)


def setup(app: Sphinx) -> None:
    """Write the pages of the packages, and resolve names as they are written."""
    app.connect(
        "builder-inited", lambda _: list_functions.write_reference(HERE / "api")
    )
    app.connect("missing-reference", resolve)
    app.add_post_transform(LinkNames)
