"""Objects that hold options: what their fields have in common."""

import dataclasses
from typing import TypeVar

Value = TypeVar("Value")


def static(default: Value) -> Value:
    """A field that fixes a shape or a code path."""
    return dataclasses.field(default=default, metadata={"static": True})
