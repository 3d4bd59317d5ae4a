"""Trainable depths and the limit of cosines."""

import math
from dataclasses import replace

import pytest

from resexp.theory import Arm, limit_cosine, predict, trainable_depth


def limits(**choices):
    limits = trainable_depth(Arm(depth=1, **choices), max_depth=128)
    return limits.gradient, limits.correlation


def test_trainable_depths_of_arms():
    assert limits(norm="pre", residual="on") == (math.inf, math.inf)
    gradient, plain = limits(norm="pre", residual="off")
    assert gradient == math.inf
    distance = 1 - predict(Arm(depth=int(plain), residual="off")).cosines
    assert distance[-1] < distance[0] / 4 <= distance[-2]
    assert plain < limits(norm="post")[1]
    assert limits(norm="none")[0] == math.ceil(math.log(1e8) / math.log(2))
    assert limits(norm="post", residual="off", normalizer="batchnorm")[0] == 49  # ln 10⁸/ln 1.467 after the first block
    assert math.isnan(limits(body="linear_act")[0])
    assert trainable_depth(Arm(depth=1), gradient_range=4).gradient == 2
    assert trainable_depth(Arm(depth=1), max_depth=20).gradient == math.inf


@pytest.mark.parametrize("residual", ["scaled", "deepnorm"])
def test_the_trainable_depth_is_the_smallest_if_blocks_depend_on_the_depth(residual):
    arm = Arm(depth=1, residual=residual)
    limit = trainable_depth(arm, gradient_range=2.5 if residual == "scaled" else 1e8).gradient
    spans = [predict(replace(arm, depth=depth)).gradients[0] for depth in (int(limit) - 1, int(limit))]
    target = 2.5 if residual == "scaled" else 1e8
    assert spans[0] < target <= spans[1]


@pytest.mark.parametrize(
    ("choices", "cosine"),
    [
        ({"residual": "off"}, 1.0),
        ({"norm": "pre"}, 1.0),
        ({"activation": "tanh"}, 0.0),
        ({"activation": "gelu"}, 1.0),
        ({"activation": "gelu", "norm": "post"}, 0.760),
        ({"activation": "gelu", "norm": "post", "residual": "off"}, 0.760),
        ({"activation": "identity"}, math.nan),
        ({"activation": "gelu", "residual": "off"}, math.nan),
        ({"norm": "pre", "residual": "lns"}, math.nan),
        ({"body": "linear_act", "activation": "gelu"}, 1.0),
    ],
)
def test_the_limit_of_cosines(choices, cosine):
    assert limit_cosine(Arm(depth=1, **choices)) == pytest.approx(cosine, abs=2e-3, nan_ok=True)
