"""The matrix in PyTorch Lightning with its TensorBoard logger, one Hydra job per cell and seed, with -m."""

import hydra
import torch
from hydra.core.config_store import ConfigStore
from lightning_peer import train
from omegaconf import DictConfig
from plain import network

STEPS = 300
ConfigStore.instance().store("matrix", {"depth": 8, "norm": "none", "residual": True, "seed": 0, "steps": STEPS})


@hydra.main(version_base="1.3", config_path=None, config_name="matrix")
def main(cfg: DictConfig) -> float:
    torch.manual_seed(cfg.seed)
    return train(network(cfg.depth, cfg.norm, cfg.residual), cfg.steps)


if __name__ == "__main__":
    main()
