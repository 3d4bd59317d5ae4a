"""Which quantities are measured when; every quantity is documented."""

import re
from pathlib import Path

import pytest

from resexp.analysis.quantities import DISPLAYS
from resexp.config.errors import InputError
from resexp.diagnostics.quantities import shipped_quantities
from resexp.diagnostics.suite import Suite

ROOT = Path(__file__).parents[2]
PAGES = [file.read_text() for folder in (".", "conf", "resexp") for file in ROOT.glob(f"{folder}/*.md")]
ONLY_BY_NAME = {"preconditioned_sharpness"}
"""Quantities that no level measures, because they would exceed its budget of time."""


def test_measurements_become_less_frequent():
    due = [step for step in range(2000) if Suite((), ()).is_due(step)]
    assert due == [0, 1, 3, 10, 30, 100, 300, 1000]


@pytest.mark.parametrize("quantity", sorted(shipped_quantities()))
def test_every_quantity_is_documented_and_has_a_title(quantity):
    first_line, *lines = shipped_quantities()[quantity].__doc__.splitlines()
    assert len(first_line) > 20
    fields = [line.split(":")[0].strip() for line in lines if re.match(r" *(Shape|Unit|Cost|Reference): \S", line)]
    assert fields == ["Shape", "Unit", "Cost", "Reference"]
    assert re.search(r"Shape: \(R(, L( \+ 1)?|,)\)", "\n".join(lines))
    assert any(re.search(rf"^\| .*`{quantity}`", page, re.M) for page in PAGES)
    assert DISPLAYS[quantity].network_wide == any("Shape: (R,)." in line for line in lines)


def test_the_light_level_is_a_subset_of_the_full_level(cell):
    light, full = (cell(f"diagnostics={level}").measured for level in ("light", "full"))
    assert light < full == {*shipped_quantities()} - ONLY_BY_NAME
    assert cell().measured == set()


@pytest.mark.parametrize("name", ["stream_rm", "no_such_module.quantity", "probe", "gradients", "Jacobian"])
def test_an_unknown_quantity_is_refused(name):
    with pytest.raises(InputError, match=f"diagnostics: no quantity {name}"):
        Suite([name], [])


def test_a_function_of_another_module_is_found_by_its_path():
    suite = Suite(["resexp.diagnostics.quantities.stream_rms.stream_rms"], [])
    assert suite.quantities == {"stream_rms": shipped_quantities()["stream_rms"]}
