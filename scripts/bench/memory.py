"""What loading Fashion-MNIST adds to the memory of a process that has imported all it needs: prints peak and rest, MB.

Linux only. Where the peak cannot be reset, that of the imports counts too, which errs against resexp.
"""

import contextlib
import sys
from pathlib import Path

from resexp.build import load_data
from resexp.config.compose import Composer


def resident(key: str) -> float:
    """VmRSS (now) or VmHWM (the peak), in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024 / 1e6


def main() -> None:
    cell = Composer().cell(["dataset=fashion_mnist", f"dataset.path={sys.argv[1]}"])
    before = resident("VmRSS")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    data = load_data(cell)
    assert len(data.train) == 60_000
    print(resident("VmHWM") - before, resident("VmRSS") - before)


if __name__ == "__main__":
    main()
