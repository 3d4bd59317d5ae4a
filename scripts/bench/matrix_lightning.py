"""The matrix by PyTorch Lightning with its TensorBoard logger, driven by Hydra: a job per cell and seed, with -m."""

import logging
import warnings

import hydra
import lightning
import torch
import torch.nn.functional as F
from hydra.core.config_store import ConfigStore
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import DictConfig
from plain import loader, network
from torch import Tensor

STEPS = 300
ConfigStore.instance().store("matrix", {"depth": 8, "norm": "none", "residual": True, "seed": 0})


class Classifier(lightning.LightningModule):
    def __init__(self, cfg: DictConfig) -> None:
        super().__init__()
        self.network = network(cfg.depth, cfg.norm, cfg.residual)

    def training_step(self, batch: list[Tensor]) -> Tensor:
        x, y = batch
        loss = F.cross_entropy(self.network(x), y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


@hydra.main(version_base="1.3", config_path=None, config_name="matrix")
def main(cfg: DictConfig) -> float:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.manual_seed(cfg.seed)
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=TensorBoardLogger("."),
        log_every_n_steps=10,
        max_epochs=-1,
        max_steps=STEPS,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(cfg), loader())
    return float(trainer.callback_metrics["loss"])


if __name__ == "__main__":
    main()
