"""Learning rates chosen on tuning seeds and tested on others."""

from hypothesis import given
from hypothesis import strategies as st

from resexp.analysis.tuning import choose_rates
from resexp.record.result import CellResult, Replicate
from resexp.stats.verdict import Reference

REFERENCE = Reference(2.3, 0.0, 0.1, 1438)
CHOICES = {"dataset": "digits", "model": "mlp", "norm": "pre", "residual": "on", "optimizer": "adamw"}
losses = st.lists(st.one_of(st.none(), st.floats(0, 10)), min_size=5, max_size=5)


def _cell(lr, ends, depth=8, status="done"):
    config = {"depth": depth, "optimizer": {"lr": lr}}
    replicates = [Replicate(s, 300, end is not None, 2.3, 0.1, end, 0.5) for s, end in enumerate(ends)]
    return CellResult(f"{lr}-{depth}", "", "", status, CHOICES, config, replicates, REFERENCE)


def test_the_most_trained_seeds_decide_then_the_lowest_median():
    cells = [
        _cell(1e-4, [0.01, 0.01, 2.0, 9, 9]),
        _cell(1e-3, [0.4, 0.3, 0.2, 0.1, None]),
        _cell(1e-2, [0.4, 0.4, 0.2, 0.1, 0.1]),
    ]
    (choice,) = choose_rates(cells, (0, 1, 2))
    assert (choice.lr, choice.at_edge) == (1e-3, False)
    assert [r.seed for r in choice.test.replicates] == [3, 4]
    assert [choice.test.verdict(r) for r in choice.test.replicates] == ["trained", "diverged"]


def test_each_depth_has_its_own_choice_and_edges_are_flagged():
    cells = [_cell(lr, [loss] * 5, depth) for depth, best in ((8, 1e-4), (48, 1e-3)) for lr, loss in
             ((lr, abs(lr - best)) for lr in (1e-4, 1e-3, 1e-2))]  # fmt: skip
    assert [(c.lr, c.at_edge) for c in choose_rates(cells, (0, 1, 2))] == [(1e-4, True), (1e-3, False)]


@given(st.lists(losses, min_size=2, max_size=4))
def test_test_seeds_do_not_affect_the_choice(table):
    cells = [_cell(10.0**-i, ends) for i, ends in enumerate(table)]
    others = [_cell(10.0**-i, [*ends[:3], None, 5.0]) for i, ends in enumerate(table)]
    assert choose_rates(cells, (0, 1, 2))[0].lr == choose_rates(others, (0, 1, 2))[0].lr


def test_cells_that_are_not_done_are_no_candidates():
    assert choose_rates([_cell(1e-3, [], status="failed")], (0,)) == []


def test_candidates_may_differ_in_settings_outside_the_identity():
    """So a search can reuse the cells of any sweep."""
    other = _cell(1e-3, [0.3] * 5)
    other.config.update(tuning_seeds=[0, 1, 2], seeds=[0, 1, 2, 3, 4], threads=2)
    assert [c.lr for c in choose_rates([other, _cell(1e-2, [0.1] * 5)], (0, 1, 2))] == [1e-2]
