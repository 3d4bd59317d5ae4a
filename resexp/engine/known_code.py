"""Decides whether the code of a network is known: pure functions of parameters, buffers and the batch.

Only a step of known code is captured. A module is known if its class is one of torch's pure modules, belongs to resexp,
declares `repeatable = True`, or if reading the source of its methods proves them pure. The reading is conservative:
what it does not understand is unknown.
"""

from types import FunctionType

from torch import nn

from resexp.engine.pure_functions import PURE_MODULES
from resexp.engine.source_reader import Reader, UnknownCodeError

BEFORE_TRAINING = frozenset(("__init__", "__repr__", "attach", "extra_repr", "init", "reset_parameters"))
"""Methods that are called when a network is built or printed, never in a training step."""


def unknown_code(network: nn.Module) -> str | None:
    """Return why the code of a network is not known to be pure, in one line, or None if it is known.

    The line names the class, and the line of its source that makes it unknown.
    """
    for module in network.modules():
        reason = _hook_reason(module) or _class_reason(module)
        if reason:
            return f"{type(module).__name__}: {reason}"
    return None


def declares_repeatable(network: nn.Module) -> bool:
    """Return whether some class in a network declares that its code is pure."""
    return any(_is_declared(type(module)) for module in network.modules())


def _class_reason(module: nn.Module) -> str | None:
    cls = type(module)
    if _is_declared(cls) or _is_ours(cls):
        return None
    if cls in PURE_MODULES:
        return PURE_MODULES[cls](module)
    try:
        for name in sorted(_methods_to_read(cls)):
            Reader(module).check_method(name)
    except UnknownCodeError as error:
        return str(error)
    return None


def _methods_to_read(cls: type) -> set[str]:
    """Return `forward`, which leads to all that it calls, or, if that is inherited known code, what it may call."""
    own = [c for c in cls.__mro__ if not (_is_ours(c) or c.__module__.partition(".")[0] in ("torch", "builtins"))]
    methods = {name for c in own for name, value in vars(c).items() if isinstance(value, FunctionType)}
    owner = next(c for c in cls.__mro__ if "forward" in vars(c))
    if _is_ours(owner) or owner in PURE_MODULES:
        return methods - BEFORE_TRAINING
    return {"forward"} | (methods & {"__call__", "__getattr__", "__getattribute__"})


def _is_declared(cls: type) -> bool:
    """Whether a class declares `repeatable = True` itself; a declaration does not hold for subclasses."""
    return vars(cls).get("repeatable") is True


def _is_ours(definition: object) -> bool:
    """Whether a class or a function is defined in resexp."""
    return str(getattr(definition, "__module__", "")).partition(".")[0] == "resexp"


def _hook_reason(module: nn.Module) -> str | None:
    """Return a line if a hook that is not resexp's is registered on the module, or any hook on its parameters."""
    registries = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooks = [hook for name in registries for hook in getattr(module, name).values()]
    if any(not _is_ours(hook) for hook in hooks):
        return "a hook is registered on it"
    for name, parameter in module.named_parameters(recurse=False):
        if parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None):
            return f"a hook is registered on its parameter {name}"
    return None
