"""A user's own normalizer, as the README shows it."""

import re
from pathlib import Path

import pytest

from tests.conftest import TINY

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.mark.slow
def test_the_readmes_own_normalizer_goes_against_layernorm(resexp, references, tmp_path):
    section = README.partition("### Your own")[2].partition("\n### ")[0]
    python, yaml = (re.search(rf"```{kind}\n(.*?)```", section, re.S)[1] for kind in ("python", "yaml"))
    (command,) = re.findall(r"^resexp (train .*)$", section, re.M)
    (tmp_path / "my_norms.py").write_text(python)
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    (tmp_path / "mine" / "normalizer" / "pnorm.yaml").write_text(yaml)
    small = [override for override in TINY if not override.startswith("depth")]
    done = resexp(*command.split(), *small)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^\[\d/4\]", done.stdout, re.M)) == 4
    done = resexp("train", "normalizer._target_=my_norms.PNorm", "norm=pre", *TINY)
    assert done.returncode == 0, done.stderr
