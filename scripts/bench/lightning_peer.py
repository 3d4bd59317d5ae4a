"""Train the network of plain.py with PyTorch Lightning; print the milliseconds of a training step of one seed."""

import logging
import time
import warnings

import lightning
import torch
import torch.nn.functional as F
from lightning.pytorch.loggers import TensorBoardLogger
from plain import arguments, loader, network
from torch import Tensor, nn


class Classifier(lightning.LightningModule):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: list[Tensor]) -> Tensor:
        x, y = batch
        loss = F.cross_entropy(self.network(x), y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class Clock(lightning.Callback):
    """Times at which steps end."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: object) -> None:
        self.ends.append(time.perf_counter())


def train(network: nn.Module, steps: int, *callbacks: lightning.Callback) -> float:
    """Train for some steps, with logging to TensorBoard and everything else off; return the last loss."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=TensorBoardLogger("."),
        log_every_n_steps=10,
        max_epochs=-1,
        max_steps=steps,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[*callbacks],
    )
    trainer.fit(Classifier(network), loader())
    return float(trainer.callback_metrics["loss"])


def main() -> None:
    args, clock = arguments(), Clock()
    train(network(), args.warmup + args.steps, clock)
    print(1000 * (clock.ends[-1] - clock.ends[args.warmup - 1]) / args.steps)


if __name__ == "__main__":
    main()
