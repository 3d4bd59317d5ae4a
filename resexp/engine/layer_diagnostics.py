"""Measures the quantities of a suite in a pack during training, without changing the training."""

from dataclasses import replace

import torch
from torch import Tensor

from resexp.data.dataset import Data, Split
from resexp.diagnostics.blocks import find_blocks
from resexp.diagnostics.probe import Probe
from resexp.diagnostics.suite import MAX_SAMPLES, MAX_VALUES, MIN_SAMPLES, Suite
from resexp.engine.events import Layers
from resexp.engine.optimizers import PackOptimizer
from resexp.engine.pack import Pack, ReplicateGroup
from resexp.seeding import key

# Shapes: R replicates, P parameters of one replicate, padding included.

Snapshot = tuple[Tensor, dict[str, Tensor]]
"""Copies of the weights and buffers of a pack."""


class LayerDiagnostics:
    """Measures the quantities of a suite on a fixed batch, the same for all replicates and arms of a data set."""

    def __init__(self, suite: Suite, pack: Pack, data: Data, optimizer: PackOptimizer) -> None:
        self.suite, self.pack, self.optimizer = suite, pack, optimizer
        self.device = torch.device("cpu") if pack.device.type == "mps" else pack.device  # MPS has no float64
        batch = probe_batch(data.train)
        self.probe = Probe(
            network=pack.network,
            blocks=find_blocks(pack.network, suite.blocks) if suite else [],
            params={},
            buffers={},
            x=data.standardize(batch.x).to(self.device),
            y=batch.y.to(self.device),
            vmapped=pack.mode == "vmap",
            lr=optimizer.lr,
        )

    def snapshot(self, step: int) -> Snapshot | None:
        """Copy the weights and buffers before `step` if a measurement is due; else return None."""
        if not self.suite or not self.suite.is_due(step):
            return None
        return self.pack.weights_RP.detach().clone(), {name: b.clone() for name, b in self.pack.buffers.items()}

    def measure(self, step: int, before: Snapshot | None = None) -> Layers:
        """Measure the layers as they were `before` the step just made, or as they are if there is no snapshot."""
        weights_RP, buffers = before or (self.pack.weights_RP.detach(), self.pack.buffers)
        updated_RP = self.pack.weights_RP.detach() if before else None
        expensive = step == 0 or not before
        self.pack.set_mode(training=True)
        measurements = [
            self.suite(self._probe(group, weights_RP, buffers, updated_RP), expensive=expensive)
            for group in self.pack.groups
        ]
        values = {name: torch.cat([m[name] for m in measurements]).cpu().numpy() for name in measurements[0]}
        return Layers(step, len(self.probe.blocks), values)

    def _probe(
        self, group: ReplicateGroup, weights_RP: Tensor, buffers: dict[str, Tensor], updated_RP: Tensor | None
    ) -> Probe:
        rows = group.rows if isinstance(group.rows, slice) else slice(group.rows, group.rows + 1)
        return replace(
            self.probe,
            params=self._views(weights_RP, rows),
            buffers={name: b[rows].to(self.device) for name, b in buffers.items()},
            updated=None if updated_RP is None else self._views(updated_RP, rows),
            preconditioner=lambda: self._preconditioner(rows),
        )

    def _preconditioner(self, rows: slice) -> dict[str, Tensor] | None:
        divisors_RP = self.optimizer.preconditioner(rows)
        return None if divisors_RP is None else self._views(divisors_RP, slice(None))

    def _views(self, matrix_RP: Tensor, rows: slice) -> dict[str, Tensor]:
        return {name: view.to(self.device) for name, view in self.pack.views(matrix_RP, rows).items()}


def probe_batch(train: Split) -> Split:
    """Return a small fixed subset of the training split, without augmentation."""
    size = min(MAX_SAMPLES, max(MIN_SAMPLES, MAX_VALUES // train.x[0].numel()))
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(key("probe")))
    return train.take(order[:size].to(train.y.device))
