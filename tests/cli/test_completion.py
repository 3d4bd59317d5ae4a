"""Tab completion in bash, zsh and fish."""

import os
import re
import subprocess
import sys

import pytest

from resexp.cli.main import COMMANDS, main
from tests.cli.processes import run_command


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("resexp tr", {"train"}),
        ("resexp ", {*COMMANDS}),
        ("resexp depth norm=pre residual=of", {"residual=off"}),
        ("resexp depth --d", {"--dry-run"}),
        ("resexp runs nor", {"norm=", "norm.", "normalizer=", "normalizer."}),
        ("resexp compare norm=pre norm=no", {"norm=none"}),
        ("resexp compare norm=pre norm=none --j", {"--json"}),
        ("resexp runs --s", {"--sort"}),
        ("resexp runs ", set()),
        ("resexp report --o", {"--output"}),
        ("resexp train nor", {"norm=", "norm.", "normalizer=", "normalizer."}),
        ("resexp train norm=", {"norm=none", "norm=pre", "norm=post", "norm=peri", "norm=res-post"}),
        ("resexp train +norm=p", {"+norm=pre", "+norm=post", "+norm=peri"}),
        ("resexp train norm=pre dep", {"depth="}),
        ("resexp train activation=", {f"activation={a}" for a in ("relu", "gelu", "tanh", "silu", "identity")}),
        ("resexp train optimizer=sgd optimizer.mo", {"optimizer.momentum="}),
        ("resexp train --c", {"--cfg", "--config-dir", "--config-name"}),
        ("resexp train optimizer.lr=[", set()),
        ("resexp nonsense --h", set()),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_last_word_is_completed(line, expected, shell, monkeypatch, capsys):
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", f"query={shell}"]) == 0
    assert {*capsys.readouterr().out.split()} == expected


def test_completion_imports_no_torch():
    command = run_command("-sc", "query=bash", COMP_LINE="resexp train optimizer=sgd optimizer.mo")
    assert (command.code, command.lines, command.imported_torch) == (0, ["optimizer.momentum="], False)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_complete_the_command_resexp(shell):
    lines = run_command("completion", shell).lines
    assert re.search(r"complete .*resexp", "\n".join(lines))
    assert "python" not in lines[-1]


def test_a_real_bash_completes_with_the_script(tmp_path):
    tool = tmp_path / "resexp"
    tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m resexp "$@"\n')
    tool.chmod(0o755)
    script = """
eval "$(resexp completion bash)"
COMP_LINE="resexp train norm=p"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(resexp train norm=p); COMP_CWORD=2
hydra_bash_completion
printf '%s\\n' "${COMPREPLY[@]}"
"""
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, env=env)
    assert run.stdout.split() == ["norm=peri", "norm=post", "norm=pre"]
