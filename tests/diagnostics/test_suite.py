"""What is measured when, and that each quantity is told of wherever it has to be."""

import importlib
import re
from pathlib import Path

import pytest

from resexp.analysis.quantities import DISPLAYS, NETWORK_WIDE
from resexp.config.errors import InputError
from resexp.diagnostics.suite import Suite

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "resexp" / "diagnostics"
QUANTITIES = [f.stem for f in sorted(PACKAGE.glob("*.py")) if re.search(rf"^def {f.stem}\(", f.read_text(), re.M)]


def test_it_looks_ever_more_seldom():
    due = [step for step in range(2000) if Suite((), ()).is_due(step)]
    assert due == [0, 1, 3, 10, 30, 100, 300, 1000]


BY_NAME = {"preconditioned_sharpness"}  # where it is asked for: with it full would cost more than it may


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_each_quantity_is_explained_and_shown(quantity):
    """Definition and shape, unit, cost and source in its docstring; a row in the README; a title."""
    said = getattr(importlib.import_module(f"resexp.diagnostics.{quantity}"), quantity).__doc__
    for word in ("Unit: ", "Cost: ", "(R"):
        assert word in said
    assert re.search(rf"^\| .*`{quantity}`", (ROOT / "README.md").read_text(), re.M)
    assert quantity in DISPLAYS


def test_light_is_a_part_of_full(cell):
    light, full = (cell(f"diagnostics={level}").measured for level in ("light", "full"))
    assert light < full == {*QUANTITIES} - BY_NAME
    assert cell().measured == set()
    assert full | BY_NAME >= NETWORK_WIDE


def test_an_unknown_quantity_is_refused():
    for name in ("stream_rm", "no_such_module.quantity", "probe"):
        with pytest.raises(InputError, match=f"diagnostics: no quantity {name}"):
            Suite([name], [])
