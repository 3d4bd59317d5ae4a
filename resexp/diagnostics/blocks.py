"""Where in a network its repeated blocks are."""

import re
from collections.abc import Iterable
from typing import Any

from torch import nn

from resexp.config.errors import InputError

LISTS = (nn.Sequential, nn.ModuleList)


def find_blocks(network: nn.Module, pattern: str | None = None) -> list[str]:
    """The names of a network's repeated blocks, in the order in which they were put there.

    `pattern` names them, `*` standing for any part between two dots, as in `encoder.layers.*`. Without it they are the
    modules of one class, none inside another, that hold the most parameters together; of a network that has no two such
    modules, the members of its largest list; of one without any modules in modules, its layers. Raises InputError where
    there is nothing of the kind.
    """
    if pattern is not None:
        form = re.compile(re.escape(pattern).replace(r"\*", "[^.]*"))
        found = [name for name, _ in network.named_modules() if name and form.fullmatch(name)]
        if not found:
            raise InputError(f"blocks={pattern}: the network has no module of that name")
        return found
    modules = {name: m for name, m in network.named_modules() if name and _size([m])}
    composite = {name: m for name, m in modules.items() if any(True for _ in m.children())}
    lists = ([f"{name}.{part}".lstrip(".") for part, _ in m.named_children()] for name, m in _lists(network))
    members = [[name for name in names if name in composite] for names in lists]
    for groups in (_alike(composite), members, _alike(modules)):
        filled = [names for names in groups if names]
        if filled:
            return max(filled, key=lambda names: _size(modules[name] for name in names))
    raise InputError("the network has no repeated blocks; name them: [diagnostics.]blocks=encoder.layers.*")


def _lists(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, m) for name, m in network.named_modules() if isinstance(m, LISTS)]


def _alike(modules: dict[str, nn.Module]) -> list[list[str]]:
    """The names of two or more modules of one kind that lie in no other of it, kind by kind, outer ones first."""
    groups: dict[Any, list[str]] = {}
    for name, module in modules.items():
        inside = tuple(type(m) for m in module.children()) if isinstance(module, LISTS) else ()
        names = groups.setdefault((type(module), inside), [])
        if not any(name.startswith(f"{outer}.") for outer in names):
            names.append(name)
    return [names for names in groups.values() if len(names) > 1]


def _size(modules: Iterable[nn.Module]) -> int:
    return sum(p.numel() for p in {id(p): p for m in modules for p in m.parameters()}.values())
