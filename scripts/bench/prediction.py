"""Whether the initialization tells what will train: the cells of +sweep=prediction, predicted and then trained.

`prediction.py [--results DIR] [OVERRIDE …]`; what is trained already below DIR is not trained again. Prints how
rules do whose limits were fitted to other arms, or to other data sets, beside rules that know less.
"""

import os
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from table import machine

from resexp.analysis.diagnosis import ProbeResult
from resexp.cells.interrupt import Stop
from resexp.cells.probe import probe_cell
from resexp.config.compose import Composer
from resexp.stats.calibration import ConfusionMatrix, fit_limits, fit_majority, predict_left_out
from resexp.sweeps.job import no_callback
from resexp.sweeps.sweep import sweep

SWEEP = "sweep=prediction"


@dataclass(frozen=True)
class Predicted:
    """A cell: its groups, what was seen at its initialization, and whether most of its replicates trained."""

    arm: str
    dataset: str
    depth: int
    signals: tuple[float, float, float]
    theory: bool
    trained: bool


def signals(seen: ProbeResult) -> tuple[float, float, float]:
    """The span of ln ‖∂loss/∂h‖² over the blocks, the mean cosine c between inputs at their end, the loss of 1 − c."""
    with np.errstate(divide="ignore"):
        logs = 2 * np.log(seen.layers["stream_grad"])
    first, *_, last = map(float, seen.layers["pair_cosine"])
    found = float(np.ptp(logs)), last, (last - first) / (1 - first)
    return found if np.isfinite(found).all() else (np.inf, np.inf, np.inf)


def predict(overrides: Sequence[str], results: Path) -> Iterator[Predicted]:
    """Train the cells that are not, and look at the initialization of each that has a verdict."""
    composer = Composer()
    given = composer.normalize([SWEEP, *overrides])
    jobs = composer.jobs(given)
    cells = {cell.id: cell for _, cell in jobs}
    os.chdir(results)
    swept = sweep(composer, given, jobs, no_callback, Stop())
    if swept.error:
        raise RuntimeError(swept.error)
    for result in swept.results:
        cell = cells[result.id]
        verdicts = [result.verdict(replicate) for replicate in result.replicates]
        if result.status != "done" or None in verdicts:
            continue
        seen, trained = probe_cell(cell), 2 * verdicts.count("trained") > len(verdicts)
        limit = seen.predicted_trainable_depth
        theory = limit is None or cell.settings.depth <= limit
        arm = f"{cell.choices['norm']}+{cell.choices['residual']}"
        yield Predicted(arm, cell.choices["dataset"], cell.settings.depth, signals(seen), theory, trained)


def rows(cells: Sequence[Predicted]) -> Iterator[str]:
    """The table: rule, what was left out of its fit, balanced accuracy and the four counts."""
    trained = np.array([cell.trained for cell in cells])
    seen = np.array([cell.signals for cell in cells])
    depth = np.array([[cell.depth] for cell in cells], float)
    yield "| predicted by | cells of | balanced accuracy | trained, right | not, right | trained, wrong | not, wrong |"
    yield "|---|---|---|---|---|---|---|"

    def row(rule: str, out: str, predicted: np.ndarray, among: Any = slice(None)) -> str:
        c = ConfusionMatrix.of(predicted[among], trained[among])
        counts = c.trained_trained, c.not_not, c.not_trained, c.trained_not
        return f"| {rule} | {out} | {c.balanced_accuracy:.3f} | {' | '.join(map(str, counts))} |"

    sets = [cell.dataset for cell in cells]
    for out, groups in (("arms left out", [cell.arm for cell in cells]), ("data sets left out", sets)):
        if len({*groups}) == 1:
            continue
        for rule, fit, known in (
            ("gradient span and cosine", fit_limits, seen[:, :2]),
            ("gradient span and share of 1 − cosine lost", fit_limits, seen[:, ::2]),
            ("gradient span alone", fit_limits, seen[:, :1]),
            ("depth alone", fit_limits, depth),
            ("what most do", fit_majority, depth),
        ):
            yield row(rule, out, predict_left_out(fit, known, trained, groups))
    told = np.array([cell.theory for cell in cells])
    yield row("`resexp probe` as it is", "all", told)
    for name in sorted({*sets}) if len({*sets}) > 1 else ():
        yield row("`resexp probe` as it is", name, told, np.array(sets) == name)
    fitted = [fit_limits(known, trained).limits for known in (seen[:, :2], seen[:, ::2])]
    yield f"\n{len(cells)} cells, {trained.sum()} trained. Limits fitted to all: {fitted}"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="where to train, or where it is trained [a scratch directory]")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch:
        print(*rows([*predict(args.overrides, args.results or Path(scratch))]), sep="\n")
    print(f"\n{machine()}.")


if __name__ == "__main__":
    main()
