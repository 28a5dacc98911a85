"""Fuse the information of several representation spaces into one, by descent."""

from jaxinfo.fusion._continuity import continuity
from jaxinfo.fusion._fuse import fuse, fuse_encoder
from jaxinfo.fusion._objectives import loss
from jaxinfo.fusion._types import EncoderFusionResult, FusionResult

__all__ = [
    "EncoderFusionResult",
    "FusionResult",
    "continuity",
    "fuse",
    "fuse_encoder",
    "loss",
]
