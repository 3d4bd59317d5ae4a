"""What the answer says, word for word."""

from pathlib import Path

import pytest

from resexp.analysis.costs import costs, price
from resexp.analysis.groups import groups
from resexp.analysis.headline import answer, half_text
from resexp.analysis.sentences import d50_interval_text, d50_with_interval
from resexp.analysis.statements import factorials, statements
from resexp.record.index import scan


def _group(path="outputs"):
    (group,) = groups(scan([Path(path)]))
    return group


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
            "none+plain, comes to 0 of 5 seeds (95 % interval 0 to 43 %); it trains at none of these depths.",
        ),
        (
            {"pre+residual": (0.1, 0.1), "post+residual": (0.1, 0.1), "none+plain": (0.1, None)},
            "post+residual and pre+residual train deepest: to depth 24, the deepest tried",
            "it trains to depth 8.",
        ),
        (
            {"pre+residual": (0.1, 0.1), "none+plain": (0.1, 0.1)},
            "Both arms train at depth 24, the deepest tried",
            "Deeper networks would tell them apart.",
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
    found = answer(_group())
    assert found.headline == headline
    assert sentence in " ".join(found.sentences)


def test_overlapping_intervals_settle_nothing(make):
    make("pre+residual", 8, [0.1, 0.1, 0.1])
    make("none+plain", 8, [0.1, 2.31, 2.31])
    found = answer(_group())
    assert "more seeds are needed" in " ".join(found.sentences)
    (statement,) = statements(_group())
    assert statement.text == "At depth 8, pre+residual trains more often than none+plain"
    assert statement.grounds == "3 of 3 (44 to 100 %) against 1 of 3 (6 to 79 %)"
    assert not statement.holds


def test_seeds_that_chose_the_learning_rate_do_not_judge_it(make):
    """With 0.01 the tuning seeds 0 and 1 train and the others do not; with 0.001 it is seed 1 and the others."""
    rates = {0.001: [2.31, 0.1, 0.1, 0.1, 0.1], 0.01: [0.1, 0.1, 2.31, 2.31, 2.31]}
    for lr, ends in rates.items():
        make("pre+residual", 8, ends, seeds=5, lr=lr, tuning_seeds=[0, 1])
    group = _group()
    assert [(line.name, line.shares[8].count, line.shares[8].total) for line in group.fair.lines] == [
        ("pre+residual", 0, 3)
    ]
    found = answer(group)
    assert found.headline == "Nothing trains at depth 8"
    assert "Seeds 0 and 1 chose each arm's learning rate and count no more." in found.sentences


def test_a_norm_is_compared_with_its_like_alone(make):
    make("none+residual", 8, seeds=3)
    make("pre+residual", 8, seeds=3)
    make("pre+residual", 24, seeds=3)  # nothing to compare it with
    make("post+residual", 8, seeds=2)  # another pack
    (row,) = costs(_group().results)
    assert (row.name, row.pairs) == ("pre, layernorm", 1)
    assert row.ratios["step time"].mean == pytest.approx(1.25)
    assert price([row]) == "A step takes 1.25 times as long with pre, layernorm (1.25 in 1 pair) as without a norm."
    assert price([]) == "The time of a step is not recorded."


def test_from_three_depths_on_each_arm_has_a_d50(make):
    for depth, end in ((8, 0.1), (24, 0.1), (48, 2.31)):
        make("pre+residual", depth, end, seeds=8)
        make("none+plain", depth, 0.1 if depth == 8 else 2.31, seeds=8)
    deep, shallow = _group().lines
    assert 24 == deep.located.low < deep.located.d50 < deep.located.high == 48
    assert half_text(deep) == f"{deep.located.d50:.0f} ({d50_interval_text(deep.located)})"
    said = " ".join(answer(_group()).sentences)
    assert f"pre+residual trains deepest: D50 is {d50_with_interval(deep.located)}. Next is" in said
    assert f"Next is none+plain with {d50_with_interval(shallow.located)}" in said
    make("post+residual", 8)
    assert [line.name for line in _group().lines if line.located] == ["pre+residual", "none+plain"]


def test_statements_carry_their_tests(make):
    """Eight seeds, of which none differs in its sign: p is 2/2⁸, times three by Holm."""
    for arm, end in (("pre+residual", 0.1), ("pre+plain", 2.31), ("none+residual", 1.5), ("none+plain", None)):
        make(arm, 8, end, seeds=8)
    found = statements(_group())
    assert [s.row.p_adjusted for s in found] == [3 * 2 / 2**8] * 3
    assert all(s.row.paired.mean < 0 and s.row.equivalence.word == "different" for s in found)
    residual, norm, interaction = factorials(_group())
    assert (residual.effect.name, norm.effect.name, interaction.effect.name) == (
        "residual=on",
        "norm=pre",
        "on × pre",
    )


def test_arms_are_compared_where_both_were_trained(make):
    for depth in (8, 24, 45):
        make("pre+residual", depth, 0.1)
    make("none+plain", 8, 0.1)
    make("none+plain", 24, 2.31)
    (statement,) = statements(_group())
    assert statement.text == "At depth 24, pre+residual trains more often than none+plain"
