"""Tables of results: the replicates of a cell, the cells of outputs directories, chosen learning rates.

Imports no torch.
"""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from resexp.analysis.tuning import LR_KEY, RateChoice
from resexp.config.fingerprint import SCHEMA
from resexp.config.names import arm_of
from resexp.console.listing import Entry, Listing, Side
from resexp.console.result_text import VERDICT_COLORS, steps_to_target_text, verdict_lines, verdicts_text
from resexp.console.terminal import plain_table
from resexp.formats import accuracy_text, duration, loss_text, seeds_text
from resexp.record.result import CellResult, Replicate, differing_keys, mean
from resexp.stats.scores import Scores


def replicates_table(result: CellResult, scores: Mapping[int, Scores]) -> Table:
    """Return a row per replicate of a cell; `scores` by seed."""
    columns = ("seed", "verdict", "train loss", "val loss", "val accuracy", "score", "to target")
    table = plain_table(*columns, left=("verdict",))
    for r in result.replicates:
        numbers = (loss_text(r.loss_train), loss_text(r.loss_val), accuracy_text(r.accuracy_val))
        seed_scores = scores.get(r.seed, Scores())
        score = accuracy_text(seed_scores.score), steps_to_target_text(seed_scores)
        table.add_row(str(r.seed), _verdict_text(result, r), *numbers, *score)
    return table


def _verdict_text(result: CellResult, replicate: Replicate) -> Text:
    word = result.verdict(replicate)
    text = Text(word or "–", VERDICT_COLORS.get(word or "", "dim"))
    notes = [*result.shown_flags(replicate), *([] if replicate.finite else [f"at step {replicate.steps}"])]
    return text.append("".join(f" ({note})" for note in notes), "dim")


def runs_table(results: Sequence[CellResult], more: Mapping[str, Sequence[str]] | None = None) -> Listing:
    """Return a row per cell: the settings that differ, arm, end of the directory's name, verdicts, and results.

    Args:
        results: the cells. A single one is named in full.
        more: columns instead of accuracy and time: their texts by their heads.

    """
    keys = differing_keys(results) if len(results) > 1 else []
    columns: dict[str, Side] = {**dict.fromkeys(keys, "right"), "arm": "left", "run": "left", "verdicts": "left"}
    texts = more or {
        "accuracy": [accuracy_text(mean(x.accuracy_val for x in r.replicates)) for r in results],
        "time": [duration(r.seconds) for r in results],
    }
    if {r.schema for r in results} != {SCHEMA}:
        texts = {"schema": [str(r.schema) for r in results], **texts}
    columns |= dict.fromkeys(("train loss", *texts), "right")
    rows = list[list[Entry]]()
    for r, *numbers in zip(results, *texts.values(), strict=True):
        name = r.name.rpartition("-")[2] if keys else r.name
        identity = [*(r.identity_text.get(key, "–") for key in keys), arm_of(r.choices), name]
        rows.append([*identity, verdict_lines(r), loss_text(mean(x.loss_train for x in r.replicates)), *numbers])
    return Listing(columns, rows)


def rates_table(choices: Sequence[RateChoice], tuning_seeds: Sequence[int]) -> Table:
    """Return a row per arm: its best learning rate, and its results with it on the seeds that did not choose it."""
    keys = [key for key in differing_keys([choice.test for choice in choices]) if key != LR_KEY]
    columns = (*keys, "arm", "best lr", "verdicts", "train loss")
    caption = f"best lr: chosen on {seeds_text(tuning_seeds)}; verdicts and loss: on the other seeds"
    table = plain_table(*columns, left=("arm", "verdicts"), caption=caption)
    for choice in choices:
        settings, arm = [choice.test.identity_text.get(key, "–") for key in keys], arm_of(choice.test.choices)
        loss = loss_text(mean(r.loss_train for r in choice.test.replicates))
        rate = f"{choice.lr:g}" + " (at the edge)" * choice.at_edge
        table.add_row(*settings, arm, rate, verdicts_text(choice.test), loss)
    return table
