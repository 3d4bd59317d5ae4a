"""The quantities: every public function of the modules in this package.

To add one, write a module with a function of a `Probe`, or add a function to a module of similar ones. It returns
(R,) for the whole network, (R, L) for its L blocks, (R, L + 1) for the stream before, between and after them, or None
if the network has no such quantity. The first line of its docstring defines it, with a formula; the last lines are
Shape, Unit, Cost and Reference.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import cache

from torch import Tensor

from resexp.config.errors import InputError, nearest
from resexp.diagnostics.probe import Probe

Quantity = Callable[[Probe], Tensor | None]


@cache
def shipped_quantities() -> dict[str, Quantity]:
    """Return all quantities of this package by name."""
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return {
        name: function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def find_quantity(name: str) -> Quantity:
    """Return a shipped quantity by name, or a function by its path `package.module.function`.

    Raises:
        InputError: there is none of that name.

    """
    module, _, function = name.rpartition(".")
    try:
        quantity: Quantity = (
            getattr(importlib.import_module(module), function) if module else shipped_quantities()[name]
        )
    except (ImportError, AttributeError, KeyError):
        raise InputError(f"diagnostics: no quantity {name}{nearest(name, shipped_quantities())}") from None
    return quantity
