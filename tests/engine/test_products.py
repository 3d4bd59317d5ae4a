"""Batched products by OpenBLAS agree with torch, whatever the memory layout."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import build, load_data
from resexp.engine import products
from resexp.engine.capture import ForwardBackward
from resexp.engine.products import batched_product

pytestmark = pytest.mark.skipif(products._openblas() is None, reason="scipy_openblas32 supports only Linux on x86")


@pytest.fixture(scope="module", autouse=True)
def _openblas_on_every_processor():
    """Use OpenBLAS even if it is not faster than torch on this processor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_faster_library", products._openblas)
        yield


def matrices(draw, rows, columns, count):
    """Draw a batch of matrices as a view of a larger tensor, in one of several memory layouts."""
    seed = draw(st.integers(0, 99))
    step, margin = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    values = torch.randn(step * count, rows + margin, columns + margin, generator=torch.Generator().manual_seed(seed))
    layout = draw(st.sampled_from(["row-major", "column-major", "expanded", "strided"]))
    if layout == "column-major":
        values = values.mT.contiguous().mT
    elif layout == "strided":
        values = values.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, ::2, ::2]
    values = values[::step, margin:, :columns]
    return values[:1].expand(count, rows, columns) if layout == "expanded" else values


@given(st.data())
def test_products_agree_with_torch_or_are_left_to_it(data):
    R, M, K, N = (data.draw(st.integers(1, largest)) for largest in (4, 7, 7, 7))
    a, b = matrices(data.draw, M, K, R), matrices(data.draw, K, N, R)
    start, add, transposed = torch.randn(R, M, N), data.draw(st.booleans()), data.draw(st.booleans())
    out = (start.mT.contiguous().mT if transposed else start).clone()
    product = batched_product(a, b, out, add=add)
    if product is None:
        assert not all(products._layout(t) for t in (a, b))
        return
    product()
    torch.testing.assert_close(out, torch.bmm(a, b) + (start if add else 0), rtol=1e-5, atol=1e-5)


def test_unsupported_products_are_left_to_torch():
    square, large = torch.ones(2, 3, 3), torch.ones(1, 256, 256)
    assert batched_product(square, square, square.clone())
    for a in (square.double(), square[:0], large, square.to("meta")):
        assert batched_product(a, a, a.clone()) is None
    assert batched_product(square, square, torch.ones(2, 6, 6)[:, ::2, ::2]) is None


def test_a_nonfinite_replicate_does_not_affect_the_others():
    a, b = torch.randn(3, 8, 8), torch.randn(3, 8, 8)
    expected, out = torch.empty(3, 8, 8), torch.full((3, 8, 8), torch.nan)
    batched_product(a, b, expected)()
    a[1] = torch.inf
    batched_product(a, b, out)()
    assert not out[1].isfinite().any()
    assert torch.equal(out[::2], expected[::2])


@pytest.mark.parametrize("overrides", [["norm=pre"], ["norm=post", "residual=off", "width=40"]])
def test_packs_of_any_size_in_any_order_agree_bitwise(cell, overrides):
    small = cell("depth=3", *overrides)
    data, grads = load_data(small), {}
    for seeds in ((3,), (1, 3), (4, 3, 0, 2, 1)):
        pack = build(small, seeds, data).pack
        forward_backward = ForwardBackward(pack)
        for step in range(2):
            index = torch.stack([torch.arange(24) + 50 * seed + step for seed in seeds])
            forward_backward(data.standardize(data.train.x[index]), data.train.y[index])
        grads[seeds] = pack.grads_RP[seeds.index(3)].clone()
    first, *others = grads.values()
    assert all(torch.equal(first, other) for other in others)
