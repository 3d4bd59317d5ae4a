"""Sentences that the terminal and the report share."""

from resexp.analysis.sentences import d50_with_interval, deepest_arm_text
from resexp.stats.logistic import estimate_depth
from resexp.stats.shares import Share


def _estimate(counts):
    return estimate_depth({depth: Share(count, 8) for depth, count in counts.items()})


def test_the_deepest_arm_is_named_with_its_certainty():
    far, near = _estimate({8: 8, 64: 8}), _estimate({8: 8, 16: 0})
    close, never = _estimate({10: 8, 18: 0}), _estimate({8: 0, 16: 0})
    assert deepest_arm_text({"a": near, "b": far}).startswith("b trains deepest: D50 is > 64 (95 % interval ")
    assert deepest_arm_text({"a": near, "b": far}).endswith("; the intervals do not overlap.")
    assert deepest_arm_text({"a": near, "b": close}).endswith("the order is not settled.")
    assert deepest_arm_text({"a": far, "b": far}).startswith(
        "a and b train deepest, beyond the depths tried (> 64); larger depths"
    )
    assert (
        deepest_arm_text({"a": never, "b": never})
        == "D50 is < 8 for a and b: half of the seeds train at none of the depths tried."
    )
    assert deepest_arm_text({"a": near}) == f"The trainable depth D50 of a is {d50_with_interval(near)}."
