"""A plain PyTorch training loop, written without the engine: what a pack has to agree with."""

import numpy as np
import torch
import torch.nn.functional as F

from resexp.build import block_config, factory, load_data
from resexp.data.dataset import Batches
from resexp.nn.initialize import initialize
from resexp.nn.models import Task


def network_of(cell, seed, data):
    """The network of one seed, with its initial weights."""
    model, config = factory(cell.options["model"]), block_config(cell)
    task = Task(data.shape, data.classes, data.is_tokens)
    return initialize(lambda: model(config, task), seed, factory(cell.options["init"])())


def train_plainly(cell, seed, make_optimizer):
    """Train one seed with an ordinary loop; return the minibatch losses and the trained network."""
    data, settings = load_data(cell), cell.settings
    network = network_of(cell, seed, data).train()
    if settings.precision == "float64":
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_complex() or tensor.is_floating_point():
                tensor.data = tensor.data.to(torch.complex128 if tensor.is_complex() else torch.float64)
    optimizer = make_optimizer(network.parameters())
    batches = Batches(len(data.train), settings.batch_size, (seed,), torch.device("cpu"))
    losses = []
    for step in range(settings.steps):
        index = batches(step)[0]
        logits, y = network(data.standardize(data.train.x[index])).flatten(0, -2), data.train.y[index].flatten()
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), network
