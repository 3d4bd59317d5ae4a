"""Functions and modules of torch that are pure: they write to no argument, draw no random number, and keep no state."""

import builtins
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

BUILTINS = {
    name: getattr(builtins, name)
    for name in (
        "abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min",
        "range", "reversed", "round", "sorted", "sum", "tuple", "zip", "ValueError", "TypeError", "RuntimeError",
    )
}  # fmt: skip

NAMESPACES = (torch, nn.functional, torch.fft, torch.linalg, torch.special)
"""Public modules of torch whose functions may be pure."""

DEFINING_MODULES = (
    "torch",
    "torch.nn.functional",
    "torch._C._nn",
    "torch._C._fft",
    "torch._C._linalg",
    "torch._C._special",
)
"""The `__module__` of those functions, where torch implements them."""

IMPURE = frozenset((
    "batch_norm", "instance_norm", "embedding_bag", "embedding_renorm", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "alpha_dropout", "feature_alpha_dropout", "feature_dropout", "rrelu", "gumbel_softmax",
    "fractional_max_pool2d", "fractional_max_pool3d", "multi_head_attention_forward",
    "scaled_dot_product_attention", "empty", "empty_like", "empty_strided", "empty_permuted", "manual_seed", "seed",
    "initial_seed", "set_rng_state", "get_rng_state", "from_numpy", "from_file", "load", "save", "frombuffer",
    "set_default_dtype", "set_default_device", "set_grad_enabled", "compile", "jit", "vmap", "is_grad_enabled",
    "is_inference_mode_enabled", "get_default_dtype", "lobpcg", "svd_lowrank", "pca_lowrank", "utils",
    "result_type",
))  # fmt: skip
"""Functions that draw random numbers, keep or read state outside their arguments, or return uninitialized memory."""

IMPURE_METHODS = frozenset((
    "item", "tolist", "numpy", "data_ptr", "backward", "register_hook", "register_post_accumulate_grad_hook",
    "retain_grad", "bernoulli", "multinomial", "normal", "storage", "untyped_storage", "storage_offset", "stride",
    "is_contiguous", "new_empty", "new_empty_strided", "apply", "share_memory", "dim_order", "is_set_to", "resize",
    "resize_as", "cauchy", "module_load",
))  # fmt: skip
"""Methods of tensors that write, draw random numbers, or expose a value or the memory layout to Python."""

IMPURE_ATTRIBUTES = frozenset((
    "data", "grad", "requires_grad", "grad_fn", "is_leaf", "_base", "_version",
))  # fmt: skip
"""Attributes through which a tensor can be written, or that differ under vmap."""


def is_pure_function(function: Callable[..., Any]) -> bool:
    """Return whether a function of torch, `math` or Python's builtins is known to be pure."""
    name = getattr(function, "__name__", "")
    if any(function is allowed for allowed in BUILTINS.values()) or function in vars(math).values():
        return True
    if (
        name in IMPURE
        or name.endswith("_")
        or not name
        or not any(_is_in(space, name, function) for space in NAMESPACES)
    ):
        return False
    packet = getattr(torch.ops.aten, name, None)
    if packet is None:
        return inspect.isfunction(function) or function.__module__ in DEFINING_MODULES
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    return not any(torch.Tag.nondeterministic_seeded in overload.tags for overload in overloads)


def _is_in(space: Any, name: str, function: Any) -> bool:
    short = name.removeprefix(f"{space.__name__.rpartition('.')[2]}_")
    return getattr(space, name, None) is function or getattr(space, short, None) is function


def inplace_position(function: Callable[..., Any]) -> int | None:
    """Return the position of a function's argument `inplace`, or None if it has none."""
    try:
        names = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        return None
    return names.index("inplace") if "inplace" in names else None


def _always(module: nn.Module) -> str | None:
    return None


def _unless_inplace(module: nn.Module) -> str | None:
    return f"{type(module).__name__}(inplace=True) writes to its input" if getattr(module, "inplace", False) else None


def _unless_renormalized(module: nn.Module) -> str | None:
    if getattr(module, "padding_idx", None) is not None:
        return "nn.Embedding(padding_idx=…) keeps a row fixed, which vmap does not"
    return "nn.Embedding(max_norm=…) writes to its weight" if getattr(module, "max_norm", None) is not None else None


PURE_MODULES: dict[type[nn.Module], Callable[[nn.Module], str | None]] = {
    **dict.fromkeys(
        (
            nn.Identity, nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d,
            nn.ConvTranspose2d, nn.ConvTranspose3d, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.LocalResponseNorm,
            nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.Flatten, nn.Unflatten,
            nn.GELU, nn.GLU, nn.LogSigmoid, nn.LogSoftmax, nn.PReLU, nn.Sigmoid, nn.Softmax, nn.Softmax2d, nn.Softmin,
            nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh, nn.Tanhshrink, nn.Hardshrink, nn.MaxPool1d, nn.MaxPool2d,
            nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d,
            nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d, nn.PixelShuffle,
            nn.PixelUnshuffle, nn.Upsample, nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d,
            nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReplicationPad1d, nn.ReplicationPad2d, nn.CosineSimilarity,
            nn.ChannelShuffle,
        ),
        _always,
    ),
    **dict.fromkeys(
        (
            nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.SiLU, nn.Mish, nn.Hardsigmoid, nn.Hardswish,
            nn.Hardtanh, nn.Threshold,
        ),
        _unless_inplace,
    ),
    nn.Embedding: _unless_renormalized,
}  # fmt: skip
"""Modules without state or random numbers, each with a function that returns why an instance is not pure, or None."""
