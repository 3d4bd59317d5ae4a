"""Run directories of made-up cells, as the record writes them, and a reader of pages."""

import hashlib
import math
from html.parser import HTMLParser

import numpy as np
import pytest

from resexp.record.result import CellResult, Cost, Replicate
from resexp.record.store import COLUMNS, RunDir
from resexp.stats.verdict import Reference

TEN = Reference(math.log(10), 0.05, 0.1, 1438)
STEPS = 40


class Page(HTMLParser):
    """What the tests ask of a page: elements with their attributes, ids, links, its text."""

    VOID = ("meta", "br", "wbr", "img", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.words = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and "svg" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def make(tmp_path):
    """Write a cell: its loss falls to `end`, or is lost half-way where that is None."""

    def write(arm="pre+residual", depth=8, end=0.01, *, seeds=3, status="done", reference=TEN, root="outputs", **more):
        norm, scheme = arm.split("+")
        residual = {"residual": "on", "plain": "off"}[scheme]
        choices = {"dataset": "digits", "model": "mlp", "norm": norm, "normalizer": "layernorm", "residual": residual}
        choices |= {"optimizer": "adamw", **more.pop("choices", {})}
        config = {"depth": depth, "steps": STEPS, "seeds": [*range(seeds)]}
        config["tuning_seeds"] = more.pop("tuning_seeds", None)
        config["activation"] = more.pop("activation", "relu")
        config |= {group: {} for group in choices} | {"optimizer": {"lr": more.pop("lr", 1e-3)}}
        name = hashlib.sha256(repr((choices, config, root)).encode()).hexdigest()
        path = tmp_path / root / f"{choices['dataset'].strip('<>/')[:9]}-mlp" / arm / f"depth{depth:04d}-{name[:12]}"
        ends = [end] * seeds if end is None or isinstance(end, float) else end
        replicates = [
            Replicate(s, STEPS, e is not None, 2.5, e, e, None if e is None else 0.1 + 0.8 * (e < 1), e, 0.5)
            for s, e in enumerate(ends)
        ]
        done = status == "done"
        cost = Cost(1000 + 10 * (norm != "none"), 10**6, 10**5, 0.001 * (1 + 0.25 * (norm != "none")), seeds)
        path.mkdir(parents=True)
        result = CellResult(
            name, "", "", status, choices, config, replicates if done else [], reference, seconds=1.0, cost=cost, **more
        )
        RunDir(path).close(result, _columns(ends) if done else None)
        return path

    return write


def _columns(ends):
    step = np.arange(STEPS)
    rows = []
    for seed, end in enumerate(ends):
        loss = 2.5 * np.exp(-step / STEPS * math.log(2.5 / (end or 0.1))) * (1 + 0.05 * seed)
        if end is None:
            loss[STEPS // 2 :] = np.nan
        rows.append(dict.fromkeys(COLUMNS, loss) | {"seed": np.full(STEPS, seed), "step": step})
    return {name: np.concatenate([row[name] for row in rows]) for name in COLUMNS}
