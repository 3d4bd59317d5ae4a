"""The tables of depth searches."""

import re

import pytest
from rich.console import Console

from resexp.console.depth import DepthTable, progress_table
from resexp.stats.depth import TrialOutcome
from resexp.sweeps.arm_search import arm_searches


def _answered(arm, trains):
    """Run the search of an arm to its end; `trains(depth, rate)` says which replicates train."""
    while trials := arm.search.ask():
        for trial in trials:
            arm.cells.add(f"{trial.depth} {trial.rate}")
            is_trained = trains(trial.depth, trial.rate)
            arm.search.tell(
                trial.depth,
                trial.rate,
                {seed: TrialOutcome(is_trained, 0.1 if is_trained else 2.3) for seed in trial.seeds},
            )
    return arm


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.slow
def test_the_table_shows_each_search_at_any_width(composer, width):
    overrides = ("norm=pre,post", "residual=on,off", "depth=4,64")
    deep, shallow, none, broken = arm_searches(composer, composer.normalize(overrides))
    _answered(deep, lambda *_: True)
    _answered(shallow, lambda depth, rate: depth < 20 and (rate == 1e-3 or depth < 6))
    _answered(none, lambda *_: False)
    broken.error = "a cell at depth 4 is not done"
    console = Console(width=width, highlight=False)
    with console.capture() as capture:
        console.print(DepthTable([deep, shallow, none, broken]))
        console.print(progress_table([deep, shallow, none, broken]))
    lines = capture.get().splitlines()
    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    assert re.search(r"pre\+residual > 64 \d\d or more", text)
    assert re.search(r"post\+residual < 4 [\d.]+ or less", text)
    assert "post+plain: a cell at depth 4 is not done" in text
    assert "pre+residual trains deepest: D50 is > 64" in text
    assert "* the lowest or the highest rate tried" in text
    assert "lr 0.0003 / 0.001 / 0.003, chosen at each depth on seeds 0, 1 and 2." in text
    assert re.search(r"(\d+) runs in \d+ cells, 0 of them trained now; .* would have taken \d+ more runs", text)
