"""Placements: those of conf/norm, and those of a user."""

import pytest

from resexp.build import factory
from resexp.config.compose import Composer
from resexp.nn.placement import Placement, shipped_placements


def test_cells_are_built_with_the_shipped_placements(cell):
    for name, placement in shipped_placements().items():
        assert factory(cell(f"norm={name}").options["norm"])() == placement
    assert len(set(shipped_placements().values())) == len(shipped_placements()) == 5


@pytest.mark.parametrize("module", ["placement", "block"])
def test_a_users_yaml_sets_the_flags_freely(tmp_path, module):
    (tmp_path / "norm").mkdir()
    target = f"_target_: resexp.nn.{module}.Placement"
    (tmp_path / "norm" / "mine.yaml").write_text(f"# Everywhere.\n{target}\npre: true\ninner_post: true\npost: true\n")
    composer = Composer(str(tmp_path))
    everywhere = composer.cell(composer.normalize(["norm=mine"])).options["norm"]
    assert factory(everywhere)() == Placement(pre=True, inner_post=True, post=True)
    changed = composer.cell(composer.normalize(["norm=mine", "norm.pre=false"])).options["norm"]
    assert factory(changed)() == Placement(pre=False, inner_post=True, post=True)
