"""Overrides become checked cells."""

import pytest

from resexp.config.compose import Composer
from resexp.config.errors import InputError

BAD = {
    "dpth=3": "unknown key dpth; did you mean depth?",
    "norms=pre": "unknown key norms; did you mean norm?",
    "norm=pree": "norm=pree: no such norm; did you mean pre?",
    "norm=null": "norm=null: no such norm; choose from none, peri, post, pre, res-post",
    "optimizer.lrr=1": "unknown key optimizer.lrr; did you mean lr?",
    "optimizer.lr=nan": "optimizer.lr=nan: expected a number > 0",
    "optimizer.lr=-1": "optimizer.lr=-1: expected a number > 0",
    "optimizer.fused=3": "optimizer.fused=3: expected true or false",
    "++optimizer.momentum=0": "unknown key optimizer.momentum; choose from betas, eps, fused, lr, weight_decay",
    "depth=0": "depth=0: expected an integer from 1 to 100000",
    "width=-4": "width=-4: expected an integer from 1 to 1000000",
    "depth=2.5": "depth=2.5: expected an integer from 1 to 100000",
    "depth=abc": "depth=abc: expected an integer from 1 to 100000",
    "depth=true": "depth=true: expected an integer from 1 to 100000",
    "seeds=[1,1]": "seeds=[1, 1]: expected an integer from 1 to 10000 or a list of distinct integers ≥ 0",
    "activation=rleu": "activation=rleu: expected one of relu, gelu, tanh, silu, identity; did you mean relu?",
    "device=gpu": "device=gpu: expected auto, cpu, cuda, cuda:N or mps",
    "clip=0": "clip=0: expected null or a number > 0",
    "depth=8,16": "depth=8,16: several values need -m, as in resexp train -m …",
    "depth": "depth: not of the form KEY=VALUE",
    "~norm": "norm: needs a choice; choose from none, peri, post, pre, res-post",
    "seeds=99999999999": "seeds=99999999999: expected an integer from 1",
    "seeds=[99999999999999999999999]": "expected an integer from 1",
    "threads=999999999": "expected an integer from 1 to 1024 or auto",
    "hydra.mode=MULTIRUN": "hydra.mode: not supported; -m makes a sweep",
    "dataset.path=/nowhere": "unknown key dataset.path",
}


@pytest.mark.parametrize(("override", "message"), BAD.items())
def test_bad_input_gives_one_line_with_the_nearest_valid_spelling(composer, override, message):
    with pytest.raises(InputError) as error:
        composer.cell(composer.normalize([override]))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sweep_with_an_invalid_cell_is_refused_before_it_starts(composer):
    with pytest.raises(InputError, match="depth=0"):
        composer.jobs(["depth=4,0", "norm=pre,none"])
    with pytest.raises(InputError, match="norm=pree: no such norm"):
        composer.jobs(["norm=none,pree"])


def test_a_plus_before_a_key_makes_no_difference(composer):
    cells = [composer.cell(composer.normalize([f"{plus}norm=pre", f"{plus}depth=3"])) for plus in ("", "+")]
    assert cells[0].id == cells[1].id
    sweeps = [composer.jobs(composer.normalize([f"{plus}norm=pre,none", f"{plus}depth=3"])) for plus in ("", "+")]
    assert [c.id for _, c in sweeps[0]] == [c.id for _, c in sweeps[1]]


def _arms(jobs):
    return [(cell.arm, cell.settings.depth) for _, cell in jobs]


@pytest.mark.slow
def test_a_named_sweep_is_recognized_with_and_without_plus(composer):
    for spelling in ("sweep=matrix", "+sweep=matrix"):
        overrides = composer.normalize([spelling])
        assert composer.is_sweep(overrides)
        assert len({*_arms(composer.jobs(overrides))}) == 18
    assert not composer.is_sweep(composer.normalize(["norm=pre"]))


def test_two_named_sweeps_are_refused(composer):
    with pytest.raises(InputError, match=r"^sweep=matrix,lr: expected one named sweep"):
        composer.jobs(composer.normalize(["sweep=matrix,lr"]))


def test_overrides_take_precedence_over_a_named_sweep(composer):
    jobs = composer.jobs(composer.normalize(["sweep=matrix", "depth=3", "norm=pre", "seeds=2"]))
    assert _arms(jobs) == [("pre+residual", 3), ("pre+plain", 3)]
    assert {cell.settings.seeds for _, cell in jobs} == {2}


@pytest.mark.slow
def test_exclude_and_only_filter_the_grid(composer):
    overrides = ["norm=none,pre,post", "residual=on,off"]
    out = composer.jobs([*overrides, "hydra.sweeper.exclude=[{norm:[pre,post],residual:off},{norm:none,residual:on}]"])
    assert _arms(out) == [("none+plain", 16), ("pre+residual", 16), ("post+residual", 16)]
    pairs = composer.jobs([*overrides, "hydra.sweeper.only=[{norm:pre,residual:on},{norm:post,residual:'off'}]"])
    assert _arms(pairs) == [("pre+residual", 16), ("post+plain", 16)]
    by_default = composer.jobs([*overrides, "hydra.sweeper.exclude=[{depth:16,norm:none},{schedule:cosine}]"])
    assert len(by_default) == 4


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("exclude=[{nrm:pre}]", "hydra.sweeper.exclude: unknown key nrm; did you mean norm?"),
        ("exclude=[{optimizer.lrr:1}]", "hydra.sweeper.exclude: unknown key optimizer.lrr; did you mean lr?"),
        ("only=[pre]", "hydra.sweeper.only: expected a list of mappings"),
        ("exclude=[{depth:16}]", "its conditions exclude all 2 cells"),
    ],
)
def test_malformed_conditions_are_refused(composer, conditions, message):
    with pytest.raises(InputError) as error:
        composer.jobs(["norm=none,pre", f"hydra.sweeper.{conditions}"])
    assert message in str(error.value)


def test_a_user_sweep_may_list_words_that_yaml_reads_as_booleans(tmp_path):
    (tmp_path / "sweep").mkdir()
    text = "# @package _global_\nhydra: {sweeper: {params: {residual: [on, off], depth: '2,3'}}}\nwidth: 8\n"
    (tmp_path / "sweep" / "mine.yaml").write_text(text)
    composer = Composer(str(tmp_path))
    jobs = composer.jobs(composer.normalize(["sweep=mine"]))
    assert _arms(jobs) == [("none+residual", 2), ("none+residual", 3), ("none+plain", 2), ("none+plain", 3)]
    assert {cell.settings.width for _, cell in jobs} == {8}


@pytest.mark.parametrize("tuning", ["[0,1,2,3,4]", "[7]"])
def test_tuning_seeds_are_some_but_not_all_of_the_seeds(composer, tuning):
    with pytest.raises(InputError, match=r"tuning_seeds=.*: expected some but not all of the seeds"):
        composer.jobs(["optimizer.lr=1e-3,1e-2", f"tuning_seeds={tuning}"])


def test_a_pickled_checker_holds_no_composed_cells(composer):
    import pickle

    size = len(pickle.dumps(composer.checker))
    composer.jobs(["depth=1,2,3,4,5,6"])
    assert len(pickle.dumps(composer.checker)) < size + 20_000


@pytest.mark.parametrize("setting", ["workers=0", "workers=many", "timeout=-1", "memory=2GB", "threads=0"])
def test_launcher_options_are_checked(composer, setting):
    with pytest.raises(InputError, match=f"hydra.launcher.{setting}: expected"):
        composer.jobs(["depth=2,3", f"hydra.launcher.{setting}"])


def test_a_sweep_has_every_combination(composer):
    cells = [c for _, c in composer.jobs(["depth=8,48", "norm=none,pre,post", "residual=on,off"])]
    assert len({c.id for c in cells}) == 12
    assert {c.arm for c in cells} == {f"{n}+{r}" for n in ("none", "pre", "post") for r in ("residual", "plain")}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["residual=deepnorm", "norm=pre"], "residual=deepnorm needs norm=post, not pre; force=true"),
        (["residual=fixup", "body=act_linear"], "residual=fixup needs body=ffn, not act_linear"),
        (["model=simplenet", "norm=post"], "model=simplenet needs norm=none or norm=pre, not post"),
    ],
)
def test_choices_that_exclude_each_other_are_refused_unless_forced(composer, overrides, message):
    with pytest.raises(InputError, match=message):
        composer.cell(overrides)
    forced = composer.cell([*overrides, "force=true"])
    assert all("needs" not in options for options in forced.options.values())


def test_the_default_cell(composer):
    cell = composer.cell([])
    settings = cell.settings
    assert (settings.depth, settings.width, settings.batch_size) == (16, 64, 128)
    assert (settings.steps, settings.seeds) == (300, 5)
    assert cell.choices == {
        "dataset": "digits", "model": "mlp", "body": "ffn", "norm": "none", "normalizer": "layernorm", "residual": "on",
        "init": "he", "optimizer": "adamw", "schedule": "constant", "diagnostics": "off",
    }  # fmt: skip
    assert cell.options["optimizer"]["lr"] == 1e-3
    assert cell.options["optimizer"]["weight_decay"] == 0


def test_a_directory_name_lists_the_changed_values(composer):
    overrides = ["norm=pre", "width=128", "optimizer=sgd", "optimizer.lr=0.02", "schedule=cosine"]
    cell = composer.cell(overrides)
    assert cell.name.startswith("digits-mlp/pre+residual/depth0016-width128-sgd-lr0.02-cosine-")


def test_config_dir_adds_choices(tmp_path):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "mine.yaml").write_text("defaults: [sgd]\nlr: 0.5\n")
    cell = Composer(str(tmp_path)).cell(["optimizer=mine", "optimizer.momentum=0.5"])
    assert cell.options["optimizer"]["lr"] == 0.5
    assert cell.changed == ("mine", "momentum0.5")


@pytest.mark.parametrize("content", [(), ("normalizrs/x.yaml",)])
def test_config_dir_without_groups_is_refused(tmp_path, content):
    for file in content:
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text("a: 1")
    with pytest.raises(InputError, match="holds no option group"):
        Composer(str(tmp_path))
    with pytest.raises(InputError, match="no such directory"):
        Composer(str(tmp_path / "nowhere"))


def test_malformed_yaml_gives_a_one_line_error(tmp_path):
    (tmp_path / "norm").mkdir()
    (tmp_path / "norm" / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(InputError) as error:
        Composer(str(tmp_path)).cell(["norm=bad"])
    assert "\n" not in str(error.value)


def test_malformed_yaml_that_a_condition_reads_gives_a_one_line_error(tmp_path):
    (tmp_path / "norm").mkdir()
    (tmp_path / "norm" / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(InputError) as error:
        Composer(str(tmp_path)).jobs(["norm=none,pre", "hydra.sweeper.exclude=[{norm: pre}]"])
    assert "\n" not in str(error.value)


def test_larger_models_count_as_more_work(cell):
    """Cells start in order of decreasing work, and estimates of the remaining time are weighted by it."""
    assert (
        cell("model=conv").work > cell("model=transformer").work > 10 * cell().work > 10 * cell("model=simplenet").work
    )


def test_another_class_has_its_own_options(cell):
    overrides = ("norm=pre", "normalizer._target_=torch.nn.RMSNorm")
    assert cell(*overrides).options["normalizer"] == {"_target_": "torch.nn.RMSNorm"}
    assert cell(*overrides, "normalizer.eps=1e-5").options["normalizer"]["eps"] == 1e-5
    assert cell(*overrides, "normalizer.elementwise_affine=false").options["normalizer"]["elementwise_affine"] is False
    with pytest.raises(InputError, match=r"normalizer\.eps=-1: expected a number > 0"):
        cell(*overrides, "normalizer.eps=-1")


def test_two_configurations_of_one_cell_are_refused(composer):
    with pytest.raises(InputError, match="diagnostics=off: makes the same cell as diagnostics=light"):
        composer.jobs(["depth=2", "diagnostics=light,off"])
    assert len(composer.jobs(["depth=2,2", "seeds=2,3"])) == 4
