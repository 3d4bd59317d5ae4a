"""Finds the repeated blocks of a network."""

import re
from collections.abc import Iterable
from typing import Any

from torch import nn

from resexp.config.errors import InputError

CONTAINERS = (nn.Sequential, nn.ModuleList)


def find_blocks(network: nn.Module, pattern: str | None = None) -> list[str]:
    """Return the names of a network's repeated blocks, in the order of registration.

    Without a pattern, the candidates are tried in this order. Among several of one sort, those with the most parameters
    are the blocks.

    1. Modules of one class that contain modules and are not nested in one another, if there are at least two.
    2. The modules of one `nn.Sequential` or `nn.ModuleList` that contain modules.
    3. Modules of one class, whether they contain modules or not, if there are at least two.

    Args:
        network: any module.
        pattern: selects blocks by name; `*` stands for one part between dots, as in `encoder.layers.*`.

    Raises:
        InputError: no module matches.

    """
    if pattern is not None:
        expression = re.compile(re.escape(pattern).replace(r"\*", "[^.]*"))
        matches = [name for name, _ in network.named_modules() if name and expression.fullmatch(name)]
        if not matches:
            raise InputError(f"blocks={pattern}: the network has no module of that name")
        return matches
    modules = {name: m for name, m in network.named_modules() if name and _num_parameters([m])}
    composite = {name: m for name, m in modules.items() if any(True for _ in m.children())}
    members = [[name for name in names if name in composite] for names in _container_members(network)]
    for candidates in (_same_class(composite), members, _same_class(modules)):
        nonempty = [names for names in candidates if names]
        if nonempty:
            return max(nonempty, key=lambda names: _num_parameters(modules[name] for name in names))
    raise InputError("the network has no repeated blocks; name them, for example [diagnostics.]blocks=encoder.layers.*")


def _container_members(network: nn.Module) -> list[list[str]]:
    containers = [(name, m) for name, m in network.named_modules() if isinstance(m, CONTAINERS)]
    return [[f"{name}.{part}".lstrip(".") for part, _ in m.named_children()] for name, m in containers]


def _same_class(modules: dict[str, nn.Module]) -> list[list[str]]:
    """Group two or more modules of one class, without those nested in another of the class.

    Containers are of one class if the classes of their members agree.
    """
    groups: dict[Any, list[str]] = {}
    for name, module in modules.items():
        members = tuple(type(m) for m in module.children()) if isinstance(module, CONTAINERS) else ()
        names = groups.setdefault((type(module), members), [])
        if not any(name.startswith(f"{outer}.") for outer in names):
            names.append(name)
    return [names for names in groups.values() if len(names) > 1]


def _num_parameters(modules: Iterable[nn.Module]) -> int:
    return sum(p.numel() for p in {id(p): p for m in modules for p in m.parameters()}.values())
