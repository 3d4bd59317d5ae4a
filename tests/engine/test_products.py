"""A product by the faster library is the product, whatever lies where."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import build, load_data
from resexp.engine import products

pytestmark = pytest.mark.skipif(products._openblas() is None, reason="OpenBLAS is published for Linux on x86 only here")


@pytest.fixture(scope="module", autouse=True)
def _whatever_the_processor():
    """The library is used here on any processor, though it is not the faster one on each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_faster", products._openblas)
        yield


def matrices(draw, rows, columns, count):
    """A pack of matrices somewhere in a larger tensor, row by row, column by column, the same one, or neither."""
    seed = draw(st.integers(0, 99))
    far, aside = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    values = torch.randn(far * count, rows + aside, columns + aside, generator=torch.Generator().manual_seed(seed))
    kind = draw(st.sampled_from(["rows", "columns", "one", "apart"]))
    if kind == "columns":
        values = values.mT.contiguous().mT
    elif kind == "apart":
        values = values.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, ::2, ::2]
    values = values[::far, aside:, :columns]
    return values[:1].expand(count, rows, columns) if kind == "one" else values


@given(st.data())
def test_a_product_is_the_product_or_left_to_torch(data):
    R, M, K, N = (data.draw(st.integers(1, most)) for most in (4, 7, 7, 7))
    a, b = matrices(data.draw, M, K, R), matrices(data.draw, K, N, R)
    start, add, turned = torch.randn(R, M, N), data.draw(st.booleans()), data.draw(st.booleans())
    out = (start.mT.contiguous().mT if turned else start).clone()
    multiply = products.multiplication(a, b, out, add=add)
    if multiply is None:
        assert not all(products._layout(t) for t in (a, b))
        return
    multiply()
    torch.testing.assert_close(out, torch.bmm(a, b) + (start if add else 0), rtol=1e-5, atol=1e-5)


def test_what_it_cannot_do_is_left_to_torch():
    square, large = torch.ones(2, 3, 3), torch.ones(1, 256, 256)
    assert products.multiplication(square, square, square.clone())
    for a in (square.double(), square[:0], large, square.to("meta")):
        assert products.multiplication(a, a, a.clone()) is None
    assert products.multiplication(square, square, torch.ones(2, 6, 6)[:, ::2, ::2]) is None


def test_a_replicate_that_is_not_finite_touches_no_other():
    a, b = torch.randn(3, 8, 8), torch.randn(3, 8, 8)
    expected, out = torch.empty(3, 8, 8), torch.full((3, 8, 8), torch.nan)
    products.multiplication(a, b, expected)()
    a[1] = torch.inf
    products.multiplication(a, b, out)()
    assert not out[1].isfinite().any()
    assert torch.equal(out[::2], expected[::2])


@pytest.mark.parametrize("choice", [["norm=pre"], ["norm=post", "residual=off", "width=40"]])
def test_packs_of_any_size_in_any_order_agree_bitwise(cell, choice):
    small = cell("depth=3", *choice)
    data, grads = load_data(small), {}
    for seeds in ((3,), (1, 3), (4, 3, 0, 2, 1)):
        pack = build(small, seeds, data).pack
        for step in range(2):
            index = torch.stack([torch.arange(24) + 50 * seed + step for seed in seeds])
            pack.backward(data.standardize(data.train.x[index]), data.train.y[index])
        grads[seeds] = pack.grads_RP[seeds.index(3)].clone()
    first, *others = grads.values()
    assert all(torch.equal(first, other) for other in others)
