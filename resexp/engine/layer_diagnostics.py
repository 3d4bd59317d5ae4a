"""Looks inside a pack in training; they change nothing of it."""

from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Optimizer

from resexp.data.dataset import Data, Split
from resexp.diagnostics.blocks import find_blocks
from resexp.diagnostics.probe import Probe
from resexp.diagnostics.suite import SAMPLES, VALUES, Suite
from resexp.engine.events import Layers
from resexp.engine.optimizers import preconditioner
from resexp.engine.pack import Pack, ReplicateGroup
from resexp.seeding import key

Before = tuple[Tensor, dict[str, Tensor]]
"""Weights and buffers as they were."""


class LayerDiagnostics:
    """Measures the quantities of a suite on a fixed batch, the same for all replicates and arms of a data set."""

    def __init__(self, suite: Suite, pack: Pack, data: Data, optimizer: Optimizer) -> None:
        self.suite, self.pack, self.optimizer = suite, pack, optimizer
        self.device = torch.device("cpu") if pack.device.type == "mps" else pack.device  # it has no float64
        batch = probe_batch(data.train)
        self.probe = Probe(
            network=pack.network,
            blocks=find_blocks(pack.network, suite.blocks) if suite else [],
            params={},
            buffers={},
            x=data.standardize(batch.x).to(self.device),
            y=batch.y.to(self.device),
            vmapped=pack.mode == "vmap",
            lr=optimizer.param_groups[0]["lr"],
        )

    def before(self, step: int) -> Before | None:
        """What is needed of the pack as it is before `step`, if that is a time to look."""
        if not self.suite or not self.suite.is_due(step):
            return None
        return self.pack.weights_RP.detach().clone(), {name: b.clone() for name, b in self.pack.buffers.items()}

    def look(self, step: int, before: Before | None = None) -> Layers:
        """The layers as they were `before` the step that has just been made, or else as they are at the end."""
        was = before or (self.pack.weights_RP.detach(), self.pack.buffers)
        self.pack.as_measured()
        found = [
            self.suite(self._probe(lane, was, before), expensive=step == 0 or not before) for lane in self.pack.lanes
        ]
        values = {name: torch.cat([f[name] for f in found]).cpu().numpy() for name in found[0]}
        return Layers(step, len(self.probe.blocks), values)

    def _probe(self, lane: ReplicateGroup, was: Before, before: Before | None) -> Probe:
        rows = lane.rows if isinstance(lane.rows, slice) else slice(lane.rows, lane.rows + 1)
        return replace(
            self.probe,
            params=self._views(was[0], rows),
            buffers={name: b[rows].to(self.device) for name, b in was[1].items()},
            updated=self._views(self.pack.weights_RP.detach(), rows) if before else None,
            preconditioner=lambda: self._preconditioner(rows),
        )

    def _preconditioner(self, rows: slice) -> dict[str, Tensor] | None:
        divisors_RP = preconditioner(self.optimizer, rows)
        return None if divisors_RP is None else self._views(divisors_RP, slice(None))

    def _views(self, weights_RP: Tensor, rows: slice) -> dict[str, Tensor]:
        return {name: view.to(self.device) for name, view in self.pack.views(weights_RP, rows).items()}


def probe_batch(train: Split) -> Split:
    """A few samples of the training split, always the same ones, without augmentation."""
    most = min(SAMPLES, max(8, VALUES // train.x[0].numel()))
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(key("probe")))
    return train.take(order[:most].to(train.y.device))
