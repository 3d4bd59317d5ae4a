"""One contract for every shipped YAML: it composes and trains with finite, deterministic, pack-independent results."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from resexp.config.settings import conf_dir
from tests.data.files import write_cifar, write_idx, write_speech, write_svhn, write_text
from tests.engine.test_pack import assert_bitwise, run

SHIPPED = sorted(file.relative_to(conf_dir()).as_posix() for file in conf_dir().glob("*/*.yaml"))
SWEEPS = [file for file in SHIPPED if file.startswith("sweep/")]
EXPERIMENTS = [file for file in SHIPPED if file.startswith("experiment/")]
OPTIONS = [file for file in SHIPPED if file not in SWEEPS + EXPERIMENTS]
FILES = {"svhn": write_svhn, "speech": write_speech, "tiny_shakespeare": write_text}


def _overrides(option, tmp_path):
    """Return overrides with which the option runs here, with small files in the format of downloaded data sets."""
    group, name = option.removesuffix(".yaml").split("/")
    needs = (OmegaConf.load(conf_dir() / option).get("needs") or {}).items()
    overrides = [f"{group}={name}", *(f"{other}={allowed[0]}" for other, allowed in needs)]
    overrides += ["depth=4", "width=8", "batch_size=16", "steps=3", *(["model.patch=2"] * (name == "transformer"))]
    if name.startswith("cifar"):
        return [*overrides, f"dataset.path={write_cifar(tmp_path / name, name.upper(), 40)}"]
    if name in FILES:
        return [*overrides, f"dataset.path={FILES[name](tmp_path / name)}"]
    if name in ("mnist", "fashion_mnist", "kmnist"):
        return [*overrides, f"dataset.path={write_idx(tmp_path / name)}"]
    return overrides


def _contract(small):
    """Assert that results are finite, deterministic, independent of the pack, and equal after resuming from a state."""
    pack, again, alone = run(small, (0, 1)), run(small, (0, 1), resume_at=2), run(small, (1,))
    for seed in (0, 1):
        assert_bitwise(pack[seed], again[seed])
    assert_bitwise(alone[1], pack[1])
    loss, norm = pack[0][:2]
    assert np.isfinite(loss).all()
    assert (norm > 0).all()


def _is_fast(option):
    """Return whether the option belongs to the groups that define arms or models; the others run in CI."""
    return option.split("/")[0] in ("model", "norm", "residual")


@pytest.mark.parametrize("option", [pytest.param(o, marks=[] if _is_fast(o) else pytest.mark.slow) for o in OPTIONS])
def test_every_option_meets_the_contract(cell, tmp_path, option):
    _contract(cell("norm=pre", *_overrides(option, tmp_path)))


def _legal_pairs():
    groups = ("norm", "residual", "model")
    for pair in itertools.product(*(sorted(f.stem for f in (conf_dir() / g).glob("*.yaml")) for g in groups)):
        chosen = dict(zip(groups, pair, strict=True))
        needs = [OmegaConf.load(conf_dir() / g / f"{o}.yaml").get("needs") or {} for g, o in chosen.items()]
        if all(chosen[g] in allowed for need in needs for g, allowed in need.items() if g in groups):
            yield pair


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "residual", "model"), [*_legal_pairs()])
def test_every_legal_combination_meets_the_contract(cell, norm, residual, model):
    _contract(cell(f"norm={norm}", f"residual={residual}", f"model={model}", "depth=4", "width=8", "steps=3"))


@pytest.mark.parametrize("model", ["mlp", "conv", "transformer"])
def test_batch_statistics_and_dropout_masks_are_independent_of_the_pack(cell, model):
    _contract(cell("norm=pre", "normalizer=batchnorm", "body.dropout=0.3", f"model={model}", "width=12"))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_has_a_comment_and_a_target(option):
    text = (conf_dir() / option).read_text()
    assert text.startswith("# ")
    assert "_target_:" in text


@pytest.mark.parametrize("sweep", [pytest.param(s, marks=[] if "matrix" in s else pytest.mark.slow) for s in SWEEPS])
def test_a_named_sweep_has_a_comment_and_distinct_cells(composer, sweep):
    assert (conf_dir() / sweep).read_text().startswith("# @package _global_\n# ")
    cells = [cell for _, cell in composer.jobs(composer.normalize([sweep.removesuffix(".yaml").replace("/", "=")]))]
    assert len({cell.id for cell in cells}) == len(cells) > 1


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_has_a_comment_and_changes_the_cell(cell, experiment):
    assert (conf_dir() / experiment).read_text().startswith("# @package _global_\n# ")
    name = Path(experiment).stem
    assert cell("model=simplenet", f"+experiment={name}").changed != cell("model=simplenet").changed
