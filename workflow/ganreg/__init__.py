"""Registration of brain images across contrasts, and its evaluation; usable without the workflow.

The functions below are imported when they are first asked for: planning a run imports this package, too, where imaging
packages may be missing. Arrays are (X, Y, Z) in RAS order, affines in mm.
"""

import importlib
from typing import Any

_WHERE = {
    "InputError": "errors",
    "dice": "volumes.overlap",
    "hd95": "evaluate.metrics",
    "preprocess_image": "interface",
    "read_image": "io",
    "read_labels": "io",
    "register_pair": "interface",
    "regularity": "interface",
    "warp": "interface",
}
_THERE = {"read_image": "load_image", "read_labels": "load_labels"}

__all__ = [*_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module ganreg has no attribute {name}")
    return getattr(importlib.import_module(f"ganreg.{_WHERE[name]}"), _THERE.get(name, name))


def __dir__() -> list[str]:
    return __all__
