"""Reads the source of functions to prove that they are pure."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from resexp.engine.pure_functions import BUILTINS, IMPURE_ATTRIBUTES, IMPURE_METHODS, inplace_position, is_pure_function

CONSTANTS = (bool, int, float, complex, str, type(None), torch.dtype, torch.device, torch.Size)
"""Types whose values cannot change while a network trains."""

STATEMENTS = (
    ast.Return, ast.Expr, ast.Assign, ast.AnnAssign, ast.If, ast.For, ast.Assert, ast.Raise, ast.Pass, ast.Break,
    ast.Continue,
)  # fmt: skip
"""Statements that may be pure. All others, such as `with` or a nested function, are not understood."""


_UNRESOLVED = object()
"""In place of a value that is not known before the call."""


class UnknownCodeError(Exception):
    """A line of source is not known to be pure. Its text is the reason."""


@dataclass
class Reader:
    """Reads the source of a module's methods and of the functions that they call.

    Raises:
        UnknownCodeError: a line is not known to be pure.

    """

    module: nn.Module
    read: set[Any] = field(default_factory=set)

    def registered(self) -> Iterator[Tensor | nn.Module]:
        """Yield the parameters, the buffers and the submodules."""
        yield from self.module.parameters()
        yield from self.module.buffers()
        yield from self.module.modules()

    def check_method(self, name: str) -> None:
        """Check the method `name` of the module's class."""
        method = inspect.getattr_static(type(self.module), name, None)
        if name in vars(self.module) or not isinstance(method, FunctionType):
            raise UnknownCodeError(f"{name} is not a plain method")
        self.check_function(method, bound=True)

    def check_function(self, function: FunctionType, *, bound: bool = False) -> None:
        """Check a function; `bound`: its first argument is the module."""
        if function in self.read:
            return
        self.read.add(function)
        if function.__closure__ or hasattr(function, "__wrapped__"):
            raise UnknownCodeError(f"{function.__qualname__} is a closure or decorated")
        _FunctionReader(self, function, bound).check()


@cache
def _parse(function: FunctionType) -> tuple[ast.FunctionDef, list[str], int]:
    """Return the syntax tree of a function, its source lines and the number of the first; once for all its modules."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, TypeError, SyntaxError):
        raise UnknownCodeError(f"the source of {function.__qualname__} cannot be read") from None
    if not isinstance(tree, ast.FunctionDef) or tree.decorator_list:
        raise UnknownCodeError(f"{function.__qualname__} is not a plain function")
    return tree, lines, first


class _FunctionReader:
    """Reads one function: only local assignments, reads of constants and tensors, and calls of pure functions."""

    def __init__(self, reader: Reader, function: FunctionType, bound: bool) -> None:
        self.reader, self.function = reader, function
        self.tree, self.lines, self.first = _parse(function)
        parameters = self.tree.args
        arguments = [a.arg for a in (*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs)]
        self.own = arguments[0] if bound else None
        nodes = [*ast.walk(self.tree)]
        self.stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        new_lists = [n for n in nodes if isinstance(n, ast.Assign) and isinstance(n.value, ast.List | ast.ListComp)]
        self.lists = {target.id for node in new_lists for target in node.targets if isinstance(target, ast.Name)}
        self.locals = {*arguments} | self.stored

    def check(self) -> None:
        """Check the whole function."""
        if self.own in self.stored:
            self._refuse(self.tree, f"assigns {self.own}")
        for default in (*self.tree.args.defaults, *(d for d in self.tree.args.kw_defaults if d)):
            self._expression(default)
        for statement in self.tree.body:
            self._statement(statement)

    def _refuse(self, node: ast.AST, reason: str) -> None:
        number = getattr(node, "lineno", 1)
        where = f"{inspect.getsourcefile(self.function)}:{self.first + number - 1}"
        raise UnknownCodeError(f"{self.lines[number - 1].strip()!r} {reason} ({where})")

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.AugAssign):
            self._refuse(node, "may write to a tensor in place")
        if not isinstance(node, STATEMENTS):
            self._refuse(node, "is not understood")
        if isinstance(node, ast.Raise):
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.expr):
                is_target = child in getattr(node, "targets", ()) or child is getattr(node, "target", None)
                (self._target if is_target else self._expression)(child)

    def _target(self, node: ast.expr) -> None:
        match node:
            case ast.Name():
                pass
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for element in elements:
                    self._target(element)
            case ast.Starred(value=value):
                self._target(value)
            case _:
                self._refuse(node, "assigns something that is not a local variable")

    def _expression(self, node: ast.expr) -> None:
        match node:
            case ast.Call():
                self._call(node)
            case ast.Attribute():
                self._attribute(node)
            case ast.Name(id=name):
                if name not in self.locals:
                    self._constant(node, self._global(node, name))
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp() | ast.SetComp():
                for child in _children(node):
                    self._expression(child)
            case ast.Lambda() | ast.NamedExpr() | ast.Await() | ast.Yield() | ast.YieldFrom():
                self._refuse(node, "is not understood")
            case _:
                for child in _children(node):
                    self._expression(child)

    def _global(self, node: ast.AST, name: str) -> Any:
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        if name in BUILTINS:
            return BUILTINS[name]
        self._refuse(node, f"uses {name}")
        return None

    def _constant(self, node: ast.AST, value: object) -> None:
        if isinstance(value, tuple | torch.Size):
            for element in value:
                self._constant(node, element)
        elif not (isinstance(value, CONSTANTS) or (isinstance(value, type) and value is not type)):
            self._refuse(node, "reads a global that may change")

    def _attribute(self, node: ast.Attribute) -> None:
        """Check an attribute that is read: of the module, of a torch module such as `torch.float32`, or of a tensor."""
        value = self._resolve(node)
        if value is _UNRESOLVED:
            if node.attr in IMPURE_ATTRIBUTES:
                self._refuse(node, f"uses .{node.attr}")
            self._expression(node.value)
        elif not isinstance(value, Tensor | nn.Module):
            self._constant(node, value)
        elif not any(value is registered for registered in self.reader.registered()):
            self._refuse(node, f"reads a {type(value).__name__} that is not registered in the module")

    def _resolve(self, node: ast.expr) -> Any:
        """Return what a chain of names such as `self.block.scale` or `torch.float32` is, if it can be known."""
        match node:
            case ast.Name(id=name) if name == self.own:
                return self.reader.module
            case ast.Name(id=name) if name not in self.locals:
                value = self._global(node, name)
                return value if isinstance(value, ModuleType | nn.Module) or callable(value) else _UNRESOLVED
            case ast.Attribute(value=base, attr=attr):
                owner = self._resolve(base)
                if owner is _UNRESOLVED or not isinstance(owner, nn.Module | ModuleType):
                    return _UNRESOLVED
                if isinstance(inspect.getattr_static(type(owner), attr, None), property):
                    self._refuse(node, f"reads the property {attr}")
                if not hasattr(owner, attr):
                    self._refuse(node, f"reads {attr}, which is not there before training")
                return getattr(owner, attr)
        return _UNRESOLVED

    def _call(self, node: ast.Call) -> None:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._expression(argument)
        if any(keyword.arg == "out" for keyword in node.keywords):
            self._refuse(node, "writes to its argument")
        function = self._resolve(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else _UNRESOLVED
        if function is not _UNRESOLVED:
            self._known_call(node, function)
        elif isinstance(node.func, ast.Attribute):
            self._method_call(node, node.func)
        elif not (isinstance(node.func, ast.Name) and node.func.id in self.locals):
            self._refuse(node, "is not understood")

    def _known_call(self, node: ast.Call, function: Any) -> None:
        if any(function is registered for registered in self.reader.registered()):
            return  # a submodule, which is checked on its own
        if is_pure_function(function):
            position = inplace_position(function)
            if position is not None and (len(node.args) > position or any(k.arg == "inplace" for k in node.keywords)):
                self._refuse(node, "may write to its argument")
            return
        if getattr(function, "__self__", None) is self.reader.module and isinstance(node.func, ast.Attribute):
            self.reader.check_method(node.func.attr)
        elif isinstance(function, FunctionType) and not (function.__module__ or "").startswith("torch"):
            self.reader.check_function(function)
        else:
            self._refuse(node, f"calls {getattr(function, '__name__', function)}, which is not known to be pure")

    def _method_call(self, node: ast.Call, func: ast.Attribute) -> None:
        """Check a call of a method of a local value: of a tensor, or `append` of a list made in this function."""
        self._expression(func.value)
        if func.attr == "append" and isinstance(func.value, ast.Name) and func.value.id in self.lists:
            return
        if func.attr.endswith("_") or func.attr in IMPURE_METHODS:
            self._refuse(node, f"calls .{func.attr}()")
        if not hasattr(Tensor, func.attr) and func.attr not in ("items", "keys", "values"):
            self._refuse(node, f"calls .{func.attr}(), which is no method of a tensor")


def _children(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions directly below a node, those of comprehensions included."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            if not isinstance(getattr(child, "ctx", None), ast.Store):
                yield child
        elif isinstance(child, ast.comprehension | ast.keyword | ast.Slice):
            yield from _children(child)
