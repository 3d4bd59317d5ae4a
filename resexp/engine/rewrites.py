"""What makes recorded operations fewer and cheaper. The results are the same but for rounding."""

from collections import Counter

import torch
from torch import Tensor

from resexp.engine.recording import Op, mapped, memory, tensors

aten = torch.ops.aten


@torch.no_grad()
def simplified(ops: list[Op]) -> list[Op]:
    """The operations that the effects of `ops` need, in fewer passes over memory."""
    return _live(_fused(_without_copies(ops)))


def _written(ops: list[Op]) -> set[int]:
    return {memory(t) for op in ops for t in op.written()}


def _without_copies(ops: list[Op]) -> list[Op]:
    """Let x stand for 1 · x, which vmap makes of a bias, and for another tensor that is laid out as x in its memory."""
    written, same, kept = _written(ops), dict[int, Tensor](), []

    def original(tensor: Tensor) -> Tensor:
        return same.get(id(tensor), tensor)

    for op in ops:
        kwargs = {name: mapped(value, original) for name, value in op.kwargs.items()}
        new = Op(op.func, mapped(op.args, original), kwargs, op.out, op.views)
        if op.views and list(map(id, new.inputs())) != list(map(id, op.inputs())):
            new.out = tensors(op.func(*new.args, **kwargs))
            same |= {id(old): view for old, view in zip(op.out, new.out, strict=True)}
        if len(new.out) == 1 and isinstance(new.args[0], Tensor) and _equal(new, written):
            same |= {id(op.out[0]): new.args[0], id(new.out[0]): new.args[0]}
        else:
            kept.append(new)
    return kept


def _equal(op: Op, written: set[int]) -> bool:
    """Whether what an operation makes is its first argument."""
    x, y = op.args[0], op.out[0]
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        return False
    if op.views:
        return bool((x.stride(), x.storage_offset()) == (y.stride(), y.storage_offset()))
    return op.func is aten.mul.Scalar and op.args[1] == 1 and not {memory(x), memory(y)} & written


def _fused(ops: list[Op]) -> list[Op]:
    """Two operations as one where torch has a kernel for it.

    | before | after | why |
    |---|---|---|
    | a·b + c, of matrices | baddbmm | a pass less |
    | a·b + c, elementwise | addcmul | a pass less |
    | relu | clamp_min(0) | what relu does, and can be told where to |
    | native_layer_norm without γ and β | with ones and zeros | twice as fast: without, its kernel is not vectorized |
    """
    written, uses = _written(ops), Counter(id(t) for op in ops for t in op.inputs())
    makers, fused = dict[int, Op](), set[int]()
    for op in ops:
        if op.func is aten.add.Tensor and len(op.args) == 2 and not op.kwargs and len(op.inputs()) == 2:
            for product, addend in (op.args, op.args[::-1]):
                maker = makers.get(id(product))
                if maker is None or uses[id(product)] != 1 or product.shape != op.out[0].shape:
                    continue
                if not _may_wait(maker, addend, written):
                    continue
                op.func = aten.baddbmm.default if maker.func is aten.bmm.default else aten.addcmul.default
                op.args = (addend, *maker.args)
                fused.add(id(maker))
                break
        elif op.func is aten.relu.default:
            op.func, op.args = aten.clamp_min.default, (op.args[0], 0)
        elif op.func is aten.native_layer_norm.default and op.args[2] is op.args[3] is None:
            x, shape, _, _, eps = op.args
            op.args = (x, shape, x.new_ones(shape), x.new_zeros(shape), eps)
        if op.func in (aten.bmm.default, aten.mul.Tensor):
            makers[id(op.out[0])] = op
    return [op for op in ops if id(op) not in fused]


def _may_wait(product: Op, addend: Tensor, written: set[int]) -> bool:
    """Whether a product may be taken later, with the sum: of real numbers that nobody overwrites."""
    parts = [*product.inputs(), addend]
    alike = len({t.dtype for t in parts}) == 1 and addend.is_floating_point()
    return len(parts) == 3 and alike and not written & {memory(t) for t in parts}


def _live(ops: list[Op]) -> list[Op]:
    """Only what has an effect: writes to a tensor, or makes what another such operation reads."""
    needed, kept = set[int](), []
    for op in reversed(ops):
        if op.mutates or any(memory(t) in needed for t in tensors(op.out)):
            needed |= {memory(t) for t in op.inputs()}
            kept.append(op)
    return kept[::-1]
