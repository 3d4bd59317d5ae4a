"""How workers share cores and GPUs."""

import pytest

from resexp.launcher.resources import gpu_environments, share_cores


@pytest.mark.parametrize(
    ("visible", "device", "expected"),
    [
        ("-1", "auto", []),
        ("", "auto", []),
        ("0,1", "auto", ["0", "1"]),
        ("0,1", "cpu", []),
        ("GPU-3f", "cuda", ["GPU-3f"]),
    ],
)
def test_each_worker_gets_one_of_the_visible_gpus(composer, monkeypatch, visible, device, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    cells = [composer.cell([f"device={device}", f"depth={depth}"]) for depth in (1, 2, 3)]
    assert gpu_environments(cells) == [{"CUDA_VISIBLE_DEVICES": name} for name in expected]
    workers, threads = share_cores(len(cells), "auto", "auto", len(expected))
    assert workers == (len(expected) or min(3, workers))
    assert threads >= 1


def test_a_named_gpu_needs_no_variable(composer):
    assert gpu_environments([composer.cell([f"device=cuda:{n}"]) for n in (0, 1)]) == [{}, {}]
