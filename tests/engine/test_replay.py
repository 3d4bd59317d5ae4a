"""A replay of recorded and simplified operations equals running them again."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from resexp.engine.capture import record
from resexp.engine.replay import Replay
from resexp.engine.rewrites import simplify

OPERATIONS = {
    "add": lambda a, b: a + b,
    "matrix product": lambda a, b: a @ b,
    "multiply": lambda a, b: a * b,
    "multiply by 1": lambda a, b: torch.ops.aten.mul.Scalar(a, 1),
    "transpose": lambda a, b: a.mT,
    "broadcast": lambda a, b: a[:, :1] - b,
    "relu": lambda a, b: a.relu(),
    "in place": lambda a, b: a.add_(b.mT.clone()),
    "mean": lambda a, b: a.mean(1, keepdim=True) + b,
    "layer norm": lambda a, b: nn.functional.layer_norm(a, (3,)),
    "reshape": lambda a, b: a.reshape(2, 9).view(2, 3, 3),
    "multiply by transpose": lambda a, b: a * a.mT,
}
PROGRAMS = st.lists(st.tuples(st.sampled_from(sorted(OPERATIONS)), st.integers(0, 9), st.integers(0, 9)), max_size=14)


def values(seed):
    return torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(PROGRAMS)
def test_a_replay_equals_running_the_program(program):
    x, out, state = values(0), values(0), values(7)

    def run():
        stack = list(x.clone())
        for name, first, second in program:
            stack.append(OPERATIONS[name](stack[-1 - first % len(stack)], stack[-1 - second % len(stack)]))
        out.copy_(torch.stack([stack[-1], stack[len(stack) // 2], state[0]]))
        state[0].mul_(0.5).add_(stack[-1])

    replay = Replay(simplify(operations := record(run, nn.Identity(), {"state": state}, (x, out, state))))
    del operations
    assert torch.equal(state, values(7))
    for seed in (1, 2):
        x.copy_(values(seed))
        before = state.clone()
        run()
        expected = out.clone(), state.clone()
        state.copy_(before)
        replay()
        torch.testing.assert_close((out, state), expected, rtol=1e-9, atol=1e-9, equal_nan=True)
