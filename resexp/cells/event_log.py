"""Warnings and progress of library use, through the logger "resexp"."""

import logging

from resexp.cells.callbacks import Callback, CellEnd, CellEvent, CellStart, CellWait, Notice
from resexp.config.cell import Cell
from resexp.formats import plural

logger = logging.getLogger("resexp")


def log_events(cell: Cell) -> Callback:
    """Return a callback that logs the events of `cell`: failures as errors, notices as warnings, progress as info.

    The logger has no handler of its own, so by default Python prints warnings and errors to stderr and drops progress;
    `logging.basicConfig(level=logging.INFO)` shows it. Commands draw their own views and log nothing.
    """

    def log(event: CellEvent) -> None:
        match event:
            case CellStart(role="cell", seeds=seeds, step=step):
                resumed = f", resumed from step {step}" if step else ""
                logger.info("%s: training %s%s", cell.name, plural(len(seeds), "seed"), resumed)
            case CellStart(cell=reference):
                depth = reference.settings.depth
                logger.info("%s: training the shallow reference (depth %d) for its target loss", cell.name, depth)
            case CellWait():
                logger.info("%s: waiting for another process that trains it", cell.name)
            case Notice(text=text):
                logger.warning("%s: %s", cell.name, text)
            case CellEnd(role="cell", result=result) if result.status == "failed":
                logger.error("%s: failed: %s", cell.name, result.error)
            case CellEnd(role="cell", result=result, trained=trained):
                logger.info("%s: %s%s", cell.name, result.status, "" if trained else " before, nothing to train")

    return log
