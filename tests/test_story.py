"""The main result on digits: at depth 48 the pre-norm residual network trains and the other five arms do not."""

import itertools

import pytest

import resexp

pytestmark = pytest.mark.slow

EXPECTED = {
    "pre+residual": {"trained"},
    "none+residual": {"slow", "stuck", "diverged"},
    "none+plain": {"slow", "stuck"},
    "pre+plain": {"stuck"},
    "post+residual": {"stuck", "slow"},
    "post+plain": {"stuck"},
}


@pytest.mark.parametrize(("norm", "residual"), [*itertools.product(("none", "pre", "post"), ("on", "off"))])
def test_at_depth_48_only_pre_norm_with_residual_trains(norm, residual):
    result = resexp.train(norm=norm, residual=residual, depth=48)
    arm = result.name.split("/")[1]
    assert len(result.replicates) == 5
    assert {result.verdict(r) for r in result.replicates} <= EXPECTED[arm]
    if arm == "pre+residual":
        assert all(r.accuracy_val >= 0.95 for r in result.replicates)
        assert all(r.loss_train < 0.05 for r in result.replicates)
    else:
        assert all(r.accuracy_val < 0.9 for r in result.replicates)


@pytest.mark.parametrize(("norm", "residual"), [*itertools.product(("none", "pre", "post"), ("on", "off"))])
def test_at_depth_8_all_arms_train(norm, residual):
    result = resexp.train(norm=norm, residual=residual, depth=8)
    assert [result.verdict(r) for r in result.replicates] == ["trained"] * 5


def test_pre_norm_with_residual_trains_on_fashion_mnist(fashion):
    result = resexp.train(f"dataset.path={fashion}", dataset="fashion_mnist", norm="pre", depth=8, seeds=2)
    assert all(r.accuracy_val > 0.8 for r in result.replicates)
