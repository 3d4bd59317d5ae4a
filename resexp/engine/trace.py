"""The trace of a block: two straight-line programs, one forward and one backward, with fewer passes over memory."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

aten = torch.ops.aten

IN_PLACE: dict[Any, Any] = {
    aten.add.Tensor: aten.add_.Tensor,
    aten.mul.Tensor: aten.mul_.Tensor,
    aten.relu.default: aten.relu_.default,
    aten.tanh.default: aten.tanh_.default,
    aten.addcmul.default: aten.addcmul_.default,
}
"""Operations that may write over their first operand."""

BINDINGS: dict[Any, Any] = {
    aten.add.Tensor: torch.add,
    aten.add_.Tensor: torch.Tensor.add_,
    aten.mul.Tensor: torch.mul,
    aten.mul_.Tensor: torch.Tensor.mul_,
    aten.addcmul.default: torch.addcmul,
    aten.bmm.default: torch.bmm,
    aten.baddbmm.default: torch.baddbmm,
    aten.relu_.default: torch.relu_,
    aten.sum.dim_IntList: torch.sum,
    aten.transpose.int: torch.transpose,
    aten.view.default: torch.Tensor.view,
    aten.native_layer_norm.default: torch.native_layer_norm,
}
"""The same operations by a shorter way, for those that are called most."""


Run = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class Trace:
    """What a block does, as three functions.

    Attributes:
        views: params → views of them that the other two need.
        forward: (x, params, views) → (out, what backward needs …).
        backward: (grad_out, x, params, views, what it needs …) → (grad_x, grad_params …).

    """

    views: Run
    forward: Run
    backward: Run


class Program:
    """A trace with the parameters of one block, which stay where they are."""

    def __init__(self, trace: Trace, params: Sequence[Tensor]) -> None:
        self._given = (*params, *trace.views(*params))
        self._forward, self._backward = trace.forward, trace.backward

    def forward(self, x_RB: Tensor) -> tuple[Tensor, ...]:
        """The output, and what backward needs."""
        return self._forward(x_RB, *self._given)

    def backward(self, grad_RB: Tensor, x_RB: Tensor, saved: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The gradients of the input and of the parameters."""
        return self._backward(grad_RB, x_RB, *self._given, *saved)


def trace(block: nn.Module, names: Sequence[str], x_RB: Tensor, params: Sequence[Tensor]) -> Trace | None:
    """The trace of a block under vmap, for inputs of these shapes and strides.

    None where what it does is not a fixed sequence of operations that write to nothing but their results, or where it
    changes the shape of the stream.
    """

    def joint(x_RB: Tensor, params: Sequence[Tensor], grad_RB: Tensor) -> list[Tensor]:
        def run(x: Tensor, params: Sequence[Tensor]) -> Tensor:
            out: Tensor = functional_call(block, dict(zip(names, params, strict=True)), (x,))
            return out

        out, back, *_ = vjp(vmap(run), x_RB, params)
        grad_x, grads = back(grad_RB)
        return [out, grad_x, *grads]

    try:
        graph = make_fx(joint)(x_RB, [*params], torch.ones_like(x_RB)).graph
    except Exception:  # whatever is wrong with the block itself is told where it runs as it is
        return None
    if _outputs(graph)[0].meta["val"].shape != x_RB.shape or not all(map(_is_pure, graph.nodes)):
        return None
    _simplify(graph)
    graph.eliminate_dead_code()
    return _parts(graph)


def _outputs(graph: Graph) -> list[Node]:
    return [*graph.output_node().args[0]]  # type: ignore[misc]


def _is_pure(node: Node) -> bool:
    """Whether a node is an input, an output, or an operation that writes to nothing but its result."""
    schema = getattr(node.target, "_schema", None)
    return node.op != "get_attr" and not (schema and schema.is_mutable)


def _parts(graph: Graph) -> Trace:
    """What depends on the gradient is backward, what is but a view of parameters is done once, the rest is forward."""
    x, *params, grad = graph.find_nodes(op="placeholder")
    outputs = _outputs(graph)
    late, views = {grad}, dict.fromkeys(params)
    for node in graph.nodes:
        if any(n in late for n in node.all_input_nodes):
            late.add(node)
        elif node.op == "call_function" and _is_view(node) and all(n in views for n in node.all_input_nodes):
            views[node] = None
    needed = {n for node in late if node.op != "output" for n in node.all_input_nodes} | {*outputs[1:]}
    given = [x, *views]
    saved = [n for n in graph.nodes if n in needed and n not in late and n not in given]
    nodes = [n for n in graph.nodes if n.op == "call_function"]
    made = [n for n in views if n not in params]
    return Trace(
        views=_extract(made, params, made),
        forward=_extract([n for n in nodes if n not in late and n not in views], given, [outputs[0], *saved]),
        backward=_extract([n for n in nodes if n in late], [grad, *given, *saved], outputs[1:]),
    )


def _extract(nodes: list[Node], inputs: list[Node], outputs: list[Node]) -> Run:
    """A function of its own out of some nodes."""
    graph, copies = Graph(), dict[Node, Node]()
    for node in inputs:
        copies[node] = graph.placeholder(node.name)
        copies[node].meta = node.meta
    for node in nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(copies[n] for n in outputs))
    _write_in_place(graph)
    for node in graph.nodes:
        node.target = BINDINGS.get(node.target, node.target)
    run: Run = GraphModule(nn.Module(), graph).forward
    return run


def _simplify(graph: Graph) -> None:
    """Leave out what changes nothing; fuse products and sums."""
    for node in [*graph.nodes]:
        if node.op == "call_function" and (same := _nothing_done(node)) is not None:
            node.replace_all_uses_with(same)
            graph.erase_node(node)
    for node in [*graph.nodes]:
        if node.target is aten.transpose.int:
            _transposed_product(graph, node)
        elif node.target is aten.add.Tensor and len(node.args) == 2 and not node.kwargs:
            _fused_sum(graph, node)


def _nothing_done(node: Node) -> Node | None:
    """The operand that a node only passes on, if it is such a node."""
    first = node.args[0]
    if not isinstance(first, Node) or not isinstance(value := first.meta.get("val"), Tensor):
        return None
    if node.target is aten.mul.Scalar:
        return first if node.args[1] == 1 else None
    if node.target not in (aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.detach.default):
        return None
    out = node.meta["val"]
    return first if (out.shape, out.stride()) == (value.shape, value.stride()) else None


def _transposed_product(graph: Graph, node: Node) -> None:
    """(A B)ᵀ = Bᵀ Aᵀ, which comes out in the order that is wanted; (Aᵀ)ᵀ = A."""
    inner, *axes = node.args
    if not isinstance(inner, Node) or {*axes} != {1, 2}:
        return
    if inner.target is aten.transpose.int and {*inner.args[1:]} == {1, 2}:
        node.replace_all_uses_with(inner.args[0])  # type: ignore[arg-type]
    elif inner.target is aten.bmm.default and len(inner.users) == 1:
        with graph.inserting_before(node):
            flipped = [graph.call_function(aten.transpose.int, (factor, 1, 2)) for factor in reversed(inner.args)]
            product = graph.call_function(aten.bmm.default, tuple(flipped))
        product.meta = node.meta
        node.replace_all_uses_with(product)
        for factor in flipped:
            _transposed_product(graph, factor)


def _fused_sum(graph: Graph, node: Node) -> None:
    """a + b c in one pass: of elements, or of matrices and a row that is added to each of theirs."""
    for term, product in (node.args, node.args[::-1]):
        if not (isinstance(term, Node) and isinstance(product, Node) and len(product.users) == 1):
            continue
        is_row = term.meta["val"].ndim == 3 and term.meta["val"].shape[1] == 1
        if product.target is aten.mul.Tensor and all(isinstance(factor, Node) for factor in product.args):
            fused = aten.addcmul.default
        elif product.target is aten.bmm.default and is_row:
            fused = aten.baddbmm.default
        else:
            continue
        with graph.inserting_before(node):
            total = graph.call_function(fused, (term, *product.args))
        total.meta = node.meta
        node.replace_all_uses_with(total)
        return


def _write_in_place(graph: Graph) -> None:
    """Let an operation write over an operand that nothing needs any more."""
    place = {node: i for i, node in enumerate(graph.nodes)}

    def is_spent(operand: Any, node: Node) -> bool:
        if not isinstance(operand, Node) or operand.op != "call_function" or _is_view(operand):
            return False
        if any(place[user] > place[node] or user.op == "output" or _is_view(user) for user in operand.users):
            return False
        mine, result = operand.meta["val"], node.meta["val"]
        return bool((mine.shape, mine.dtype) == (result.shape, result.dtype)) and node.args.count(operand) == 1

    for node in graph.nodes:
        if node.target not in IN_PLACE:
            continue
        if node.target in (aten.add.Tensor, aten.mul.Tensor) and len(node.args) == 2 and is_spent(node.args[1], node):
            node.args = node.args[::-1]
        if is_spent(node.args[0], node):
            node.target = IN_PLACE[node.target]


def _is_view(node: Node) -> bool:
    """Whether a node's value shares its memory with an operand."""
    schema = getattr(node.target, "_schema", None)
    return node.target is not operator.getitem and (schema is None or any(r.alias_info for r in schema.returns))
