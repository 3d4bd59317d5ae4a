"""The only place where configuration becomes objects."""

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from hydra.errors import HydraException
from hydra.utils import instantiate
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from resexp.config.cell import Cell
from resexp.config.errors import InputError, error_text, message_lines, nearest
from resexp.data.dataset import Data, prepare
from resexp.diagnostics.blocks import find_blocks
from resexp.engine.loop import Plan, Training
from resexp.engine.optimizers import PackOptimizer
from resexp.engine.pack import Pack
from resexp.nn.block import ACTIVATIONS, BlockConfig
from resexp.nn.models import Task


def factory(options: Mapping[str, Any]) -> Any:
    """Return the class that `_target_` names as a partial with the other options as keyword arguments.

    Raises:
        InputError: the class cannot be imported, or it does not take one of the options.

    """
    target = options["_target_"]
    try:
        partial = instantiate({**options, "_partial_": True, "_convert_": "all"})
        parameters = inspect.signature(partial.func).parameters
        for key in options.keys() - {"_target_"} - parameters.keys():
            if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
                raise InputError(f"_target_={target}: takes no {key}{nearest(key, parameters)}")
        return partial
    except SystemExit:
        raise InputError(f"_target_={target}: its module exits when it is imported") from None
    except (ImportError, HydraException, TypeError) as error:
        cause: BaseException = error
        while cause.__cause__:
            cause = cause.__cause__
        reason = " ".join(message_lines(error)) if cause is error else f"cannot be imported ({error_text(cause)})"
        raise InputError(f"_target_={target}: {reason}") from error


def device_of(name: str) -> torch.device:
    """Return the device for auto, cpu, cuda, cuda:N or mps. Raises InputError if this machine lacks it."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(device.type, 1)
    if (device.index or 0) >= count:
        raise InputError(f"device={name}: this machine has {count} {device.type} devices; device=cpu always works")
    return device


@contextlib.contextmanager
def cpu_threads(count: int | str) -> Iterator[None]:
    """Run the block with `count` CPU threads in torch; "auto" leaves torch's number unchanged."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if isinstance(count, str) else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def step_cost(training: Training) -> tuple[int | None, int | None]:
    """Return floating-point operations and bytes saved for the backward pass of one replicate's step.

    Both are None if the network does not run on meta tensors.
    """
    data, network, size = training.data, training.pack.network, training.plan.batch_size
    x = data.standardize(data.train.x[:1]).to("meta").expand(size, *data.shape)
    storages = {}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage
        return tensor

    parameters = {p.untyped_storage()._cdata for p in network.parameters()}
    try:
        with FlopCounterMode(display=False) as counter, saved_tensors_hooks(save, lambda tensor: tensor):
            network(x).sum().backward()
    except Exception:  # a module that needs the values of its input
        return None, None
    return int(counter.get_total_flops()), sum(s.nbytes() for key, s in storages.items() if key not in parameters)


def check_available(cell: Cell) -> None:
    """Raise InputError if this machine lacks the device, or a class of the cell cannot be imported."""
    device_of(cell.settings.device)
    for options in cell.options.values():
        if "_target_" in options:
            factory(options)
    factory(cell.options["diagnostics"])()  # raises if a quantity does not exist


def load_data(cell: Cell) -> Data:
    """Return the cell's data on the CPU. Raises InputError if they are missing or smaller than a batch."""
    data = prepare(factory(cell.options["dataset"])(), getattr(torch, cell.settings.precision))
    if cell.settings.batch_size > len(data.train):
        raise InputError(f"batch_size={cell.settings.batch_size}: the train split has {len(data.train)} samples")
    return data


def block_config(cell: Cell) -> BlockConfig:
    """Return the configuration of the cell's blocks."""
    options, settings = cell.options, cell.settings
    return BlockConfig(
        width=settings.width,
        depth=settings.depth,
        activation=ACTIVATIONS[settings.activation],
        placement=factory(options["norm"])(),
        normalizer=factory(options["normalizer"]),
        residual=factory(options["residual"]),
        body=factory(options["body"]),
    )


def _is_vmapped(cell: Cell, device: torch.device) -> bool:
    """Decide by model and device, never by the number of seeds: a vmapped network rounds differently."""
    if cell.settings.pack != "auto":
        return cell.settings.pack == "vmap"
    return device.type != "cpu" or getattr(factory(cell.options["model"]).func, "vmap_on_cpu", True)


def build(cell: Cell, seeds: tuple[int, ...], data: Data) -> Training:
    """Return the cell's replicates with these seeds, ready to train.

    Args:
        cell: the cell.
        seeds: the seeds of the replicates, all trained in one pack.
        data: the cell's data, from `load_data`.

    Raises:
        InputError: the choices do not make a network.

    """
    settings, options = cell.settings, cell.options
    device, dtype = device_of(settings.device), getattr(torch, settings.precision)
    model, config = factory(options["model"]), block_config(cell)
    task = Task(data.shape, data.classes, data.is_tokens)
    pack = Pack(
        lambda: model(config, task),
        factory(options["init"])(),
        seeds,
        device=device,
        dtype=dtype,
        vmapped=_is_vmapped(cell, device),
    )
    suite = factory(options["diagnostics"])()
    if suite:
        find_blocks(pack.network, suite.blocks)  # raises if there are none
    return Training(
        pack=pack,
        data=data.to(device),
        optimizer=PackOptimizer(pack, factory(options["optimizer"])),
        schedule=factory(options["schedule"])(),
        plan=Plan(settings.steps, settings.batch_size, settings.clip, settings.log_every, settings.eval_every),
        seeds=seeds,
        suite=suite,
    )
