"""One contract over every shipped YAML: it composes, builds, is finite, deterministic, and independent of its pack."""

import re
from pathlib import Path

import pytest

from resexp.config import conf_dir
from resexp.loader import HELP
from tests.data.test_sets import write_cifar, write_idx
from tests.engine.test_pack import assert_bitwise, run

SHIPPED = sorted(file.relative_to(conf_dir()).as_posix() for file in conf_dir().glob("*/*.yaml"))
SWEEPS = [file for file in SHIPPED if file.startswith("sweep/")]
OPTIONS = [file for file in SHIPPED if file not in SWEEPS]
README = (Path(__file__).parent.parent / "README.md").read_text()


def _overrides(option, tmp_path):
    """What the option needs to run here: small files in its format for the sets that are downloaded."""
    group, name = option.removesuffix(".yaml").split("/")
    given = [f"{group}={name}", "depth=4", "batch_size=16"]
    if name.startswith("cifar"):
        return [*given, f"dataset.path={write_cifar(tmp_path / name, name.upper(), 40)}"]
    if group == "dataset" and name != "digits":
        return [*given, f"dataset.path={write_idx(tmp_path / name)}"]
    return given


@pytest.mark.parametrize("option", OPTIONS)
def test_contract(cell, tmp_path, option):
    small = cell(*_overrides(option, tmp_path), "norm=pre" if not option.startswith("norm/") else "depth=4")
    pack, again, alone = run(small, (0, 1)), run(small, (0, 1)), run(small, (1,))
    for seed in (0, 1):
        assert_bitwise(pack[seed], again[seed])
    assert_bitwise(alone[1], pack[1])
    loss, norm = pack[0][:2]
    assert (loss < 1e4).all()
    assert (norm > 0).all()


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_says_what_it_is(option):
    text = (conf_dir() / option).read_text()
    assert text.startswith("# ")
    assert "_target_:" in text


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_named_sweep_is_a_grid_of_different_cells_and_says_what_it_asks(composer, sweep):
    assert (conf_dir() / sweep).read_text().startswith("# @package _global_\n# ")
    cells = [cell for _, cell in composer.jobs(composer.overrides([sweep.removesuffix(".yaml").replace("/", "=")]))]
    assert len({cell.id for cell in cells}) == len(cells) > 1


@pytest.mark.parametrize("option", SHIPPED)
def test_the_readme_lists_every_option(option):
    group, name = option.removesuffix(".yaml").split("/")
    row = re.search(rf"^\| `{group}` \|.*$", README, re.M)
    assert row
    assert f"`{name}`" in row[0]


def test_the_readme_lists_every_dial(composer):
    from resexp.config import DIALS

    for name in DIALS:
        assert re.search(rf"^\| `{name}` \|", README, re.M), name
    assert "{dials}" in HELP
