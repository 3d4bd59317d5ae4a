"""The checker of documentation pages; scripts/check applies it to the pages."""

import re
from pathlib import Path

import pytest

from scripts.pages import architecture, commands, links, tables
from scripts.pages.__main__ import pages, update
from scripts.pages.markdown import anchors

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("target", "is_dead"),
    [
        ("other.md", False),
        ("other.md#results-on-disk", False),
        ("#first", False),
        ("https://example.org/nowhere", False),
        ("missing.md", True),
        ("other.md#no-such-heading", True),
        ("#second", True),
    ],
)
def test_dead_links_are_found(tmp_path, target, is_dead):
    (tmp_path / "other.md").write_text("# Other\n## `Results` on disk\n")
    page = tmp_path / "page.md"
    page.write_text(f"# First\nSee [this]({target}).\n")
    assert bool([*links.dead(page)]) == is_dead


def test_links_in_code_are_not_followed(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`a[i](b)`\n```\nx[0](missing)\n```\n")
    assert [*links.dead(page)] == []


def test_repeated_headings_get_numbered_anchors():
    assert anchors("# Use\n## Use\n```\n# comment\n```\n## A.b, c\n") == {"use", "use-1", "ab-c"}


def test_a_stale_table_is_found_and_regenerated():
    page = "before\n<!-- table: settings -->\n| `depth` | 17 |\n<!-- end -->\nafter\n"
    assert [*tables.stale(page)] == ["table 'settings' is out of date; run scripts/docs"]
    assert [*tables.stale(tables.fill(page))] == []
    assert "| `depth` | `16` |" in tables.fill(page)


def test_an_unknown_table_is_found():
    assert [*tables.stale("<!-- table: nothing -->\n<!-- end -->")] == ["no such table: 'nothing'"]


def test_a_stale_picture_is_found(tmp_path):
    (tmp_path / "resexp").symlink_to(ROOT / "resexp")
    text = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text.replace('    "console",\n', ""))
    assert architecture.picture(tmp_path) != architecture.picture(ROOT)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("scripts/resexp train +norm=pre depth=48", None),
        ("resexp train norm=pree", "no such norm; did you mean pre?"),
        ("resexp train -m depth=8,24 norm=none,pree  # a comment", "no such norm"),
        ("resexp train norm=none,pre", "several values need -m"),
        ("resexp train +sweep=matrix --dry-run", None),
        ("resexp train --dri-run", "--dri-run"),
        ("resexp trian depth=8", "no such command"),
        ("resexp depth -m norm=none,pre depth=8,64", None),
        ("resexp depth norm=none optimizer.rl=1", "optimizer.rl"),
        ("resexp probe -m norm=pre deth=8", "unknown key deth"),
        ("resexp runs 'depth>=24' norm=pre --best score", None),
        ("resexp runs norms=pre", "unknown key norms"),
        ("resexp runs --sort loss_trian", "unknown key loss_trian"),
        ("resexp compare residual=on", "required"),
        ("resexp compare residual=on residual", "residual"),
        ("resexp report --ouput x.html", "--ouput"),
        ("resexp train dataset=DIR …", None),
        ("scripts/bench/run theories", "no such benchmark"),
        ("scripts/tests", "no such file"),
        ("pip install anything", None),
    ],
)
def test_refused_commands_are_found(command, problem):
    found = [*commands.refused(f"```\n{command}\n```\n", ROOT)]
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]


def test_files_that_a_page_shows_can_be_used_in_its_commands():
    page = (
        "As `mine/optimizer/slow.yaml`\n\n```yaml\n_target_: torch.optim.SGD\nlr: 1.0e-4\n```\n"
        "the command is `resexp train --config-dir mine optimizer=slow optimizer.lr=1e-5`, not\n"
        "`resexp train --config-dir mine optimizer=fast`.\n"
    )
    (found,) = commands.refused(page, ROOT)
    assert "optimizer=fast: no such optimizer" in found


def test_python_blocks_use_public_names_only():
    assert [*commands.refused("```python\nresexp.train(norm='pre')\n```\n", ROOT)] == []
    assert [*commands.refused("```python\nresexp.trian()\n```\n", ROOT)] == ["Python block: resexp has no trian"]


def test_update_writes_the_pages_of_all_folders(tmp_path):
    for folder in ("conf", "resexp/notes"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "README.md").write_text("<!-- table: sweeps -->\n<!-- end -->\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for name in (name for layer in architecture.layers(ROOT) for name in layer):
        (tmp_path / "resexp" / f"{name}.py").write_text('"""A package."""\n')
    assert len(update(tmp_path)) == 3
    assert "`+sweep=matrix`" in (tmp_path / "resexp/notes/README.md").read_text()
    assert update(tmp_path) == []
    assert len(pages(tmp_path)) == 2


def test_every_table_and_every_group_of_options_is_on_a_page():
    used = {match[2] for page in pages(ROOT) for match in tables.MARKED.finditer(page.read_text())}
    groups = {*tables.default_choices()} - {"norm", "diagnostics"}  # these have tables of their own
    assert used >= {*tables.TABLES} | {f"options {group}" for group in groups}


def test_the_front_page_is_short_and_counts_the_options():
    page = (ROOT / "README.md").read_text()
    assert page.count("\n") <= 230
    groups = {"norm placements": "norm", "residual schemes": "residual", "normalizers": "normalizer",
              "initializers": "init", "models": "model", "data sets": "dataset"}  # fmt: skip
    counts = {label: int(count) for count, label in re.findall(rf"(\d+) ({'|'.join(groups)})", page)}
    assert counts == {label: len(tables.options_of(group)) for label, group in groups.items()}
