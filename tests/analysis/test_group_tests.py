"""Comparisons within a group: the deepest arm against its rivals, and factorial effects."""

from resexp.analysis.group_tests import group_effects, rival_comparisons
from resexp.analysis.sentences import rival_text
from tests.analysis.helpers import recorded_group


def test_rivals_with_overlapping_intervals_are_not_separated(make):
    make("pre+residual", 8, [0.1, 0.1, 0.1])
    make("none+plain", 8, [0.1, 2.31, 2.31])
    (rival,) = rival_comparisons(recorded_group())
    assert rival_text(rival) == (
        "At depth 8, pre+residual trains more often than none+plain",
        "3 of 3 (44 to 100 %) vs. 1 of 3 (6 to 79 %)",
    )
    assert not rival.is_separated


def test_rivals_and_effects_are_tested_by_seed(make):
    """All eight differences have the same sign: p is 2/2⁸, times 3 after Holm."""
    for arm, end in (("pre+residual", 0.1), ("pre+plain", 2.31), ("none+residual", 1.5), ("none+plain", None)):
        make(arm, 8, end, seeds=8)
    comparisons = rival_comparisons(recorded_group())
    assert [c.row.p_adjusted for c in comparisons] == [3 * 2 / 2**8] * 3
    assert all(c.row.paired.mean < 0 and c.row.equivalence.word == "different" for c in comparisons)
    residual, norm, interaction = group_effects(recorded_group())
    assert (residual.effect.name, norm.effect.name, interaction.effect.name) == (
        "residual=on",
        "norm=pre",
        "on × pre",
    )


def test_rivals_are_compared_at_the_deepest_shared_depth(make):
    for depth in (8, 24, 45):
        make("pre+residual", depth, 0.1)
    make("none+plain", 8, 0.1)
    make("none+plain", 24, 2.31)
    (rival,) = rival_comparisons(recorded_group())
    assert rival_text(rival)[0] == "At depth 24, pre+residual trains more often than none+plain"
