"""Headlines and summaries of a group of cells."""

import pytest

from resexp.analysis.headline import summarize
from resexp.analysis.sentences import d50_interval_text, d50_with_interval, trainable_depth_text
from tests.analysis.helpers import recorded_group


@pytest.mark.parametrize(
    ("ends", "headline", "sentence"),
    [
        (
            {"pre+residual": (0.1, 0.1), "none+plain": (0.1, 2.31)},
            "pre+residual trains deepest: to depth 24, the deepest tried",
            "The two intervals do not overlap.",
        ),
        (
            {"pre+residual": (0.1, 2.31), "none+plain": (2.31, 2.31)},
            "pre+residual trains deepest: to depth 8",
            "none+plain, has 0 of 5 seeds (95 % interval 0 to 43 %); it trains at none of these depths.",
        ),
        (
            {"pre+residual": (0.1, 0.1), "post+residual": (0.1, 0.1), "none+plain": (0.1, None)},
            "post+residual and pre+residual train deepest: to depth 24, the deepest tried",
            "it trains to depth 8.",
        ),
        (
            {"pre+residual": (0.1, 0.1), "none+plain": (0.1, 0.1)},
            "Both arms train at depth 24, the deepest tried",
            "Deeper networks would separate them.",
        ),
        (
            {"pre+residual": (2.31, 2.31)},
            "Nothing trains at any of the depths 8 and 24",
            "At depth 8 the lowest mean training loss is that of pre+residual: 2.31 nats.",
        ),
    ],
)
def test_the_arm_that_trains_deepest_is_named(make, ends, headline, sentence):
    for arm, losses in ends.items():
        for depth, end in zip((8, 24), losses, strict=True):
            make(arm, depth, end, seeds=5)
    summary = summarize(recorded_group())
    assert summary.headline == headline
    assert sentence in " ".join(summary.sentences)


def test_overlapping_intervals_leave_the_difference_open(make):
    make("pre+residual", 8, [0.1, 0.1, 0.1])
    make("none+plain", 8, [0.1, 2.31, 2.31])
    summary = summarize(recorded_group())
    assert "more seeds are needed" in " ".join(summary.sentences)


def test_tuning_seeds_are_not_counted(make):
    """With 0.01 the tuning seeds 0 and 1 train and the others do not; with 0.001 it is seed 1 and the others."""
    rates = {0.001: [2.31, 0.1, 0.1, 0.1, 0.1], 0.01: [0.1, 0.1, 2.31, 2.31, 2.31]}
    for lr, ends in rates.items():
        make("pre+residual", 8, ends, seeds=5, lr=lr, tuning_seeds=[0, 1])
    group = recorded_group()
    assert [(series.name, series.shares[8].count, series.shares[8].total) for series in group.tuned.series] == [
        ("pre+residual", 0, 3)
    ]
    summary = summarize(group)
    assert summary.headline == "Nothing trains at depth 8"
    assert "Seeds 0 and 1 chose each arm's learning rate and are not counted." in summary.sentences


def test_arms_with_three_depths_have_a_d50(make):
    for depth, end in ((8, 0.1), (24, 0.1), (48, 2.31)):
        make("pre+residual", depth, end, seeds=8)
        make("none+plain", depth, 0.1 if depth == 8 else 2.31, seeds=8)
    deep, shallow = recorded_group().series
    assert 24 == deep.estimate.low < deep.estimate.d50 < deep.estimate.high == 48
    assert trainable_depth_text(deep) == f"{deep.estimate.d50:.0f} ({d50_interval_text(deep.estimate)})"
    sentences = " ".join(summarize(recorded_group()).sentences)
    assert f"pre+residual trains deepest: D50 is {d50_with_interval(deep.estimate)}. Next is" in sentences
    assert f"Next is none+plain with {d50_with_interval(shallow.estimate)}" in sentences
    make("post+residual", 8)
    assert [series.name for series in recorded_group().series if series.estimate] == ["pre+residual", "none+plain"]
