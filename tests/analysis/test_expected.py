"""The theory's lines start where the measured ones do and, of a wide network, stay near them."""

import numpy as np
import pytest

from resexp.analysis.expected import expected
from resexp.build import build, load_data
from resexp.engine.events import Layers
from resexp.engine.loop import fit
from resexp.record.layers import LayerTable
from resexp.stats.profile import profiles


def _profiles(cell):
    table = LayerTable(cell.settings.seed_list)
    for event in fit(build(cell, cell.settings.seed_list, load_data(cell))):
        if isinstance(event, Layers):
            table.add(event)
    return profiles(table.columns())


@pytest.mark.parametrize("arm", [("norm=pre",), ("norm=none",), ("norm=post", "residual=off"), ("activation=tanh",)])
@pytest.mark.slow
def test_lines_are_near_what_a_wide_network_shows(cell, arm):
    wide = cell(*arm, "width=512", "depth=4", "steps=1", "seeds=2", "diagnostics=light")
    known = _profiles(wide)
    lines = expected(wide, known)
    assert lines.keys() == {"stream_rms", "stream_grad"}
    for name, line in lines.items():
        np.testing.assert_allclose(known[name].median[0], line, rtol=0.1, err_msg=name)


@pytest.mark.slow
def test_where_there_is_no_theory_there_is_no_line(cell):
    others = [("model=conv",), ("init=orthogonal", "init.gain=2.0"), ("normalizer=batchnorm",)]
    for other in [*(("norm=pre", *o) for o in others), ("norm=none", "residual=fixup")]:
        small = cell(*other, "steps=1", "seeds=1", "diagnostics=light")
        assert expected(small, _profiles(small)) == {}
    assert expected(cell("norm=pre"), {}) == {}
