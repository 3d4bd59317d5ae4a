"""Print the memory that loading Fashion-MNIST adds to a process with all imports done: peak and afterwards, in MB.

Linux only. If the peak cannot be reset, it includes that of the imports, which errs against resexp.
"""

import contextlib
import sys
from pathlib import Path

from resexp.build import load_data
from resexp.config.compose import Composer


def resident(key: str) -> float:
    """Return VmRSS (now) or VmHWM (the peak) in MB."""
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
