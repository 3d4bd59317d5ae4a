"""Predictions from the initialization compared with outcomes, for the cells of +sweep=prediction.

`prediction.py [--results DIR] [OVERRIDE …]`; cells that are already trained below DIR are not trained again. Prints the
accuracy of rules whose limits were fitted to other arms or other data sets, and of simpler rules.
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
    """A cell: its groups, signals at initialization, prediction of the theory, and whether most replicates trained."""

    arm: str
    dataset: str
    depth: int
    signals: tuple[float, float, float]
    theory: bool
    trained: bool


def signals(probed: ProbeResult) -> tuple[float, float, float]:
    """Return the span of ln ‖∂loss/∂h‖² over blocks, the final mean cosine c of inputs, and the share of 1 − c lost."""
    with np.errstate(divide="ignore"):
        logs = 2 * np.log(probed.layers["stream_grad"])
    first, *_, last = map(float, probed.layers["pair_cosine"])
    values = float(np.ptp(logs)), last, (last - first) / (1 - first)
    return values if np.isfinite(values).all() else (np.inf, np.inf, np.inf)


def predict(overrides: Sequence[str], results: Path) -> Iterator[Predicted]:
    """Train the cells that are missing, and probe the initialization of each that has verdicts."""
    composer = Composer()
    given = composer.normalize([SWEEP, *overrides])
    jobs = composer.jobs(given)
    cells = {cell.id: cell for _, cell in jobs}
    os.chdir(results)
    outcome = sweep(composer, given, jobs, no_callback, Stop())
    if outcome.error:
        raise RuntimeError(outcome.error)
    for result in outcome.results:
        cell = cells[result.id]
        verdicts = [result.verdict(replicate) for replicate in result.replicates]
        if result.status != "done" or None in verdicts:
            continue
        probed, trained = probe_cell(cell), 2 * verdicts.count("trained") > len(verdicts)
        limit = probed.predicted_trainable_depth
        theory = limit is None or cell.settings.depth <= limit
        arm = f"{cell.choices['norm']}+{cell.choices['residual']}"
        yield Predicted(arm, cell.choices["dataset"], cell.settings.depth, signals(probed), theory, trained)


def rows(cells: Sequence[Predicted]) -> Iterator[str]:
    """Yield the lines of the table: rule, groups left out of its fit, balanced accuracy and the four counts."""
    trained = np.array([cell.trained for cell in cells])
    inputs = np.array([cell.signals for cell in cells])
    depth = np.array([[cell.depth] for cell in cells], float)
    counts = "trained, correct | not trained, correct | trained, wrong | not trained, wrong"
    yield f"| predicted by | cells | balanced accuracy | {counts} |"
    yield "|---|---|---|---|---|---|---|"

    def row(rule: str, out: str, predicted: np.ndarray, among: Any = slice(None)) -> str:
        c = ConfusionMatrix.of(predicted[among], trained[among])
        counts = c.trained_trained, c.not_not, c.not_trained, c.trained_not
        return f"| {rule} | {out} | {c.balanced_accuracy:.3f} | {' | '.join(map(str, counts))} |"

    sets = [cell.dataset for cell in cells]
    for out, groups in (("arms left out", [cell.arm for cell in cells]), ("data sets left out", sets)):
        if len({*groups}) == 1:
            continue
        for rule, fit, used in (
            ("gradient span and cosine", fit_limits, inputs[:, :2]),
            ("gradient span and share of 1 − cosine lost", fit_limits, inputs[:, ::2]),
            ("gradient span alone", fit_limits, inputs[:, :1]),
            ("depth alone", fit_limits, depth),
            ("majority", fit_majority, depth),
        ):
            yield row(rule, out, predict_left_out(fit, used, trained, groups))
    predicted = np.array([cell.theory for cell in cells])
    yield row("`resexp probe`", "all", predicted)
    for name in sorted({*sets}) if len({*sets}) > 1 else ():
        yield row("`resexp probe`", name, predicted, np.array(sets) == name)
    fitted = [fit_limits(used, trained).limits for used in (inputs[:, :2], inputs[:, ::2])]
    yield f"\n{len(cells)} cells, {trained.sum()} trained. Limits fitted to all: {fitted}"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="directory of the trainings [a scratch directory]")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as scratch:
        print(*rows([*predict(args.overrides, args.results or Path(scratch))]), sep="\n")
    print(f"\n{machine()}.")


if __name__ == "__main__":
    main()
