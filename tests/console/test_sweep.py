"""The live view of a sweep."""

import re

import numpy as np
import pytest

from resexp.cells.callbacks import CellEnd, CellStart, Notice
from resexp.cells.interrupt import Stop
from resexp.console.sweep import SweepView
from resexp.engine.events import Steps
from resexp.record.result import result_for
from tests.conftest import TINY


def _drawn(view, width):
    view.console.size = (width, 40)
    with view.console.capture() as capture:
        view.console.print(view)
    return capture.get()


@pytest.mark.parametrize("width", [80, 160])
def test_the_view_shows_running_and_ended_cells(composer, width):
    cells, stop = [cell for _, cell in composer.jobs([*TINY, "depth=1,2", "norm=pre,post"])], Stop()
    view = SweepView(cells, stop)
    first, second, third = (view.callback_for(cell) for cell in cells[:3])
    first(CellStart("cell", cells[0], (0, 1, 2), (), 10, 10, "vmap", "cpu", 100))
    first(Steps(0, *(np.full((3, 3), 0.5) for _ in range(3)), np.full(3, 0.1)))
    second(CellEnd("cell", result_for(cells[1], "failed", error="out of luck"), ()))
    third(CellStart("reference", cells[2], (0,), (), 10, 10, "vmap", "cpu", 100))
    third(Notice("something odd"))
    text = _drawn(view, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "3/6" in text
    assert "loss 0.500 ± 0.00" in text
    assert "0/4 done · 2 running · 1 failed · 1 waiting" in text
    assert "reference of pre+" in text
    assert re.search(r"1 +running +failed", text)
    assert "stopping" not in text
    stop.request()
    assert "Ctrl-C again stops them at once" in _drawn(view, width)
