"""The theory's predictions are near the measured profiles of a wide network."""

import numpy as np
import pytest

from resexp.build import build, load_data
from resexp.cells.run import train
from resexp.cells.theory_arm import no_theory_reason, predict_profiles
from resexp.config.compose import Composer
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
def test_predictions_are_near_the_profiles_of_a_wide_network(cell, arm):
    wide = cell(*arm, "width=512", "depth=4", "steps=1", "seeds=2", "diagnostics=light")
    measured = _profiles(wide)
    predicted = predict_profiles(wide, measured)
    assert predicted.keys() == {"stream_rms", "stream_grad"}
    for name, values in predicted.items():
        np.testing.assert_allclose(measured[name].median[0], values, rtol=0.1, err_msg=name)


@pytest.mark.slow
def test_cells_that_the_theory_does_not_cover_have_no_prediction(cell):
    others = [("model=conv",), ("init=orthogonal", "init.gain=2.0"), ("normalizer=batchnorm",)]
    for other in [*(("norm=pre", *o) for o in others), ("norm=none", "residual=fixup")]:
        small = cell(*other, "steps=1", "seeds=1", "diagnostics=light")
        assert predict_profiles(small, _profiles(small)) == {}
    assert predict_profiles(cell("norm=pre"), {}) == {}


def test_a_placement_of_the_user_trains_with_diagnostics_and_has_no_prediction(tmp_path):
    (tmp_path / "norm").mkdir()
    content = "# Mine.\n_target_: resexp.nn.placement.Placement\npre: true\ninner_post: false\npost: true\n"
    (tmp_path / "norm" / "mine.yaml").write_text(content)
    settings = ["depth=2", "width=8", "steps=1", "seeds=1", "diagnostics=full", f"outputs={tmp_path / 'outputs'}"]
    mine = Composer(str(tmp_path)).cell(["norm=mine", *settings])
    assert no_theory_reason(mine) == "norm=mine: the theory covers the placements shipped with resexp"
    assert train(mine).status == "done"
