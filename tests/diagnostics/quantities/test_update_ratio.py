"""The relative size of a training step."""

from resexp.diagnostics.quantities.update_ratio import update_ratio
from tests.diagnostics.helpers import assert_close


def test_update_ratio_by_construction(make_probe):
    _, probe = make_probe()
    moved = {name: p * (1.5 if name.startswith("blocks.1.") else 1.0) for name, p in probe.params.items()}
    assert update_ratio(probe) is None
    assert_close(update_ratio(make_probe(updated=moved)[1])[0], [0.0, 0.5, 0.0])
