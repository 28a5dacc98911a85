"""Activations of Flax models, without an edit of the model."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import ArrayLike

from jaxinfo._numerics import checks, compiled

_SPACES = ("features", "mean", "samples")


def capture(
    model: nnx.Module,
    *inputs: Any,
    activation_fns: Mapping[str, Callable[[jax.Array], jax.Array]] | None = None,
    **options: Any,
) -> dict[str, jax.Array]:
    """Outputs of all modules of an ``nnx`` model, by name.

    Runs the model once, also inside ``nnx.jit``, where it adds no trace. Functions that
    are not modules, such as ``jnp.tanh``, are not captured: the outputs before them are
    pre-activations, to which ``activation_fns`` can apply them again.

    Differentiable like the model. Costs a call of the model, and the memory of its
    activations.

    Args:
        model: Model.
        *inputs: What the model is called with: its input, and a key if it takes one.
        activation_fns: Functions to apply to outputs, keyed by the names of the
            outputs.
        **options: Keyword arguments of the model.

    Returns:
        Unflattened outputs in alphabetical order, with numbers sorted by size. That of
        a sub-module is named by its dotted path, such as ``"encoder.layers.0"``; that
        of the model itself comes last, as ``"output"``; that of a sub-module of this
        name is ``"output.__call__"``. A module that is called several times has
        ``".0"``, ``".1"`` after its name, a method other than ``__call__`` its own
        name, and the parts of an output that is not an array their keys.

    Raises:
        TypeError: If ``model`` is not an ``nnx.Module``.
        ValueError: If ``activation_fns`` names an output that does not exist.

    Example:
        >>> import jax.numpy as jnp
        >>> from flax import nnx
        >>> from jaxinfo import information_plane
        >>> model = nnx.Sequential(
        ...     nnx.Linear(3, 4, rngs=nnx.Rngs(0)), nnx.Linear(4, 2, rngs=nnx.Rngs(1))
        ... )
        >>> layers = information_plane.capture(model, jnp.ones((5, 3)))
        >>> print({name: layer.shape for name, layer in layers.items()})
        {'layers.0': (5, 4), 'layers.1': (5, 2), 'output': (5, 2)}
    """
    if not isinstance(model, nnx.Module):
        raise TypeError(
            f"Expected `model` to be an nnx.Module, got {type(model).__name__}."
        )
    run = nnx.capture(model, nnx.Intermediate, method_outputs=nnx.Intermediate)
    output, state = run(*inputs, **options)
    outputs = _named(nnx.to_pure_dict(state), ())
    outputs.pop("", None)
    own = _leaves("output", output)
    # A sub-module may itself be called "output".
    outputs = {
        f"{name}.__call__" if name in own else name: leaf
        for name, leaf in outputs.items()
    } | own
    for name, fn in (activation_fns or {}).items():
        if name not in outputs:
            known = ", ".join(repr(other) for other in outputs)
            raise ValueError(
                f"Expected `activation_fns` to name outputs, {known}, got {name!r}."
            )
        outputs[name] = fn(outputs[name])
    return outputs


@compiled.jit(static_argnames=("space",))
def flatten(activations: ArrayLike, *, space: str = "features") -> jax.Array:
    r"""Turn activations with positions, such as those of a convolution, into rows.

    Differentiable. Costs at most a mean, :math:`O(n p c)` for p positions.

    Args:
        activations: Activations, samples first and channels last. Shape ``(n, ...,
            c)``, or ``(n,)``.
        space: ``"features"`` makes a row of each sample with all positions;
            ``"mean"`` averages over positions; ``"samples"`` makes a row of each
            position. Static.

    Returns:
        Rows. Shape ``(n, positions * c)``, ``(n, c)`` or ``(n * positions, c)``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxinfo import information_plane
        >>> images = jnp.ones((2, 4, 4, 3))
        >>> for space in ("features", "mean", "samples"):
        ...     print(information_plane.flatten(images, space=space).shape)
        (2, 48)
        (2, 3)
        (32, 3)
    """
    array = checks.as_float("activations", activations, "(...)")
    checks.one_of("space", space, _SPACES)
    if array.ndim == 0:
        raise ValueError(
            "Expected `activations` to have an axis of samples, got shape ()."
        )
    if array.ndim == 1:
        return array[:, None]
    n, channels = array.shape[0], array.shape[-1]
    if space == "features":
        return array.reshape(n, -1)
    if space == "samples":
        return array.reshape(-1, channels)
    return jnp.mean(array.reshape(n, -1, channels), axis=1)


def _named(tree: Any, path: tuple[str, ...]) -> dict[str, jax.Array]:
    """Arrays of a state of captured outputs, by dotted name; the model's own is ""."""
    found: dict[str, jax.Array] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            found |= _named(value, (*path, str(key)))
            continue
        place = path if key == "__call__" else (*path, str(key))
        for number, output in enumerate(value):
            several = (str(number),) if len(value) > 1 else ()
            name = ".".join((*place, *several))
            found |= {"": output} if not place else _leaves(name, output)
    return found


def _leaves(name: str, output: Any) -> dict[str, jax.Array]:
    """The arrays of an output, by name."""
    return {
        ".".join((name, *(_part(entry) for entry in path))): leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(output)
    }


def _part(entry: Any) -> str:
    for attribute in ("key", "idx", "name"):
        if hasattr(entry, attribute):
            return str(getattr(entry, attribute))
    return str(entry)
