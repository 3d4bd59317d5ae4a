"""The command line: help, refusals, exit codes."""

import re
import subprocess
import sys

import pytest

from resexp.cli.main import COMMANDS, main
from resexp.cli.parsers import PARSERS
from tests.cli.processes import run_command
from tests.conftest import TINY


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("train", "--help"),
        *(
            pytest.param(args, marks=pytest.mark.slow)
            for args in ((), ("--version",), ("train", "--cfg", "job"), ("train", "--info", "defaults"))
        ),
    ],
)
def test_help_and_inspection_import_no_torch(args):
    command = run_command(*args)
    assert (command.code, command.imported_torch) == (0, False)
    assert command.lines


def test_help_imports_no_parser_and_no_library():
    heavy = "{'argparse', 'hydra', 'numpy', 'rich', 'torch'}"
    code = f"import sys; from resexp.cli.main import main; main(['--help']); print({heavy} & {{*sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "set()"


def test_each_command_has_a_parser_and_a_line_in_the_help(capsys):
    assert [*PARSERS] == [*COMMANDS]
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(sum(line.startswith(f"  resexp {name} ") for line in lines[:12]) == 1 for name in COMMANDS)
    assert all(len(line) <= 110 for line in lines)


@pytest.mark.parametrize(
    "args",
    [
        ("train", "norm=pree"),
        ("train", "depth=0"),
        ("train", "depth=\n3\x1b[31m"),
        ("train", "depth=2", "-m", "norm=pree"),
        ("train", "-m", "depth=4,0"),
        ("train", "--nonsense"),
        ("train", "--config-dir", "nowhere"),
        ("train", "--config-path", "nowhere"),
        ("train", "outputs=/proc/nowhere"),
        ("train", "dataset=mnist", "dataset.path=/nowhere"),
        ("train", "hydra/launcher=nonsense"),
        ("trian",),
        ("depth=48",),
        ("train", "--package", "norm"),
        ("train", "--config-name", "nonsense"),
        ("runs", "nowhere"),
        ("runs", "--jsn"),
        ("runs", "norm=pre", "nowhere"),
        ("depth", "norm=pree"),
        ("depth", "depth=3"),
        ("depth", "depth=0,8"),
        ("depth", "seeds=[1,2]"),
        ("depth", "hydra/sweeper=basic"),
        ("depth", "--jsn"),
        ("depth", "--json", "--dry-run"),
        ("depth", "outputs=/proc/nowhere"),
        ("compare", "norm=pre"),
        ("compare", "norm=pre", "norm=none"),
        ("compare", "norm=pre", "norm=none", "nowhere"),
        ("report", "nowhere"),
        ("tensorboard", "nowhere"),
        ("completion", "powershell"),
        ("train", "--cfg", "job", "norm=pree"),
        ("train", "--cfg", "all", "-m", "depth=2,3"),
        ("train", "--cfg", "job", "optimizer.lrr=1"),
        ("train", "--info", "defaults", "norm=pree"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(args, tmp_path, capfd):
    assert main(args) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("resexp: ")
    assert len(err.splitlines()) == 1
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("args", [("train", "norm=pree"), ("train", "-m", "depth=4,0"), ("depth", "norm=pree")])
@pytest.mark.slow
def test_bad_input_is_refused_without_torch(args):
    command = run_command(*args)
    assert (command.code, command.lines, command.imported_torch) == (2, [], False)
    assert len(command.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("setting", "others"),
    [
        ("model.heads=4", ("model=transformer", "width=15")),
        ("normalizer.groups=3", ("norm=pre", "normalizer=groupnorm", "normalizer.groups=3")),
        ("blocks=foo.*", ("diagnostics=light", "diagnostics.blocks=foo.*")),
        ("batch_size=5000", ("batch_size=5000",)),
        ("device=cuda:99", ("device=cuda:99",)),
    ],
)
def test_settings_that_the_network_data_or_machine_rule_out_are_refused(setting, others, tmp_path, capfd):
    assert main(["train", *TINY, *others]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch(rf"resexp: {re.escape(setting)}: .*\n", err)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    "text",
    [
        b"- 1",
        b"5",
        b"eps: [",
        b"# \xff\xfe",
        b"eps: 1.0",
        b"_target_: 5",
        b"_target_: torch.nn.Nope",
        b"_target_: torch.nn",
        b"_target_: exits_on_import.Norm",
        b"_target_: torch.nn.RMSNorm\nepsilon: 1.0",
    ],
)
def test_a_broken_yaml_file_of_the_user_is_one_line_and_exit_code_2(text, tmp_path, capfd):
    (tmp_path / "exits_on_import.py").write_text("import sys\n\nsys.exit(3)\n")
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    (tmp_path / "mine" / "normalizer" / "odd.yaml").write_bytes(text)
    assert main(["train", "--config-dir", "mine", "normalizer=odd", "norm=pre", *TINY]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert re.fullmatch("resexp: .*\n", err)
    assert not (tmp_path / "outputs").exists()


def test_characters_that_the_output_cannot_encode_are_replaced(resexp):
    run = resexp("--help", PYTHONIOENCODING="ascii")
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(("redirection", "code"), [("| head -1 > /dev/null", 0), ("> /dev/full", 1)])
def test_a_closed_pipe_and_a_full_disk_cause_no_traceback(redirection, code):
    shell = f"{sys.executable} -m resexp --help {redirection}"
    run = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (run.returncode, "Traceback" in run.stderr) == (code, False)


@pytest.mark.parametrize(("flag", "line"), [("--help", "norm: none, peri"), ("--hydra-help", "== Flags ==")])
def test_help_is_shown_whatever_the_overrides(flag, line):
    run = run_command("train", flag, "-m", "norm=pree", "depth=2,3")  # a process, for Hydra configures logging
    assert run.code == 0
    assert any(line in text for text in run.lines)


def test_a_part_of_the_configuration_can_be_shown():
    assert "pre: true" in run_command("train", "+norm=pre", "depth=48", "--cfg", "job", "--package", "norm").lines
