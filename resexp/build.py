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
from resexp.config.errors import InputError, message_lines, nearest
from resexp.data.dataset import Data, prepare
from resexp.diagnostics.blocks import find_blocks
from resexp.engine.loop import Plan, Training
from resexp.engine.optimizers import optimizer_for
from resexp.engine.pack import Pack
from resexp.nn.block import ACTIVATIONS, BlockConfig
from resexp.nn.models import Task


def factory(options: Mapping[str, Any]) -> Any:
    """What `_target_` names, as a function of its positional arguments, with the other options filled in.

    Raises InputError where there is no such class or it takes no such option.
    """
    target = options["_target_"]
    try:
        partial = instantiate({**options, "_partial_": True, "_convert_": "all"})
        known = inspect.signature(partial.func).parameters
        for key in options.keys() - {"_target_"} - known.keys():
            if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
                raise InputError(f"_target_={target}: takes no {key}{nearest(key, known)}")
        return partial
    except SystemExit:
        raise InputError(f"_target_={target}: its module exits when it is imported") from None
    except (ImportError, HydraException, TypeError) as error:
        cause = error.__cause__  # of Hydra's "Error locating target": what is missing
        source = cause if isinstance(cause, ImportError | ValueError) else error
        raise InputError(f"_target_={target}: {' '.join(message_lines(source))}") from error


def device_of(name: str) -> torch.device:
    """The device that a name (auto, cpu, cuda, cuda:N, mps) means here. Raises InputError where there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(device.type, 1)
    if (device.index or 0) >= count:
        raise InputError(f"device={name}: this machine has {count} {device.type} devices; device=cpu always works")
    return device


@contextlib.contextmanager
def threads(wanted: int | str) -> Iterator[None]:
    """Torch computes with that many CPU threads; "auto": as many as it does anyway."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if isinstance(wanted, str) else wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def work(training: Training) -> tuple[int | None, int | None]:
    """Of a step of one replicate: floating-point operations, and bytes kept for the backward; None if uncountable."""
    data, network, size = training.data, training.pack.network, training.plan.batch_size
    x = data.standardize(data.train.x[:1]).to("meta").expand(size, *data.shape)
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    own = {p.untyped_storage()._cdata for p in network.parameters()}
    try:
        with FlopCounterMode(display=False) as counter, saved_tensors_hooks(keep, lambda tensor: tensor):
            network(x).sum().backward()
    except Exception:  # a module that does not run without values
        return None, None
    return int(counter.get_total_flops()), sum(s.nbytes() for key, s in kept.items() if key not in own)


def check_available(cell: Cell) -> None:
    """Raise InputError where this machine lacks the device or one of the classes."""
    device_of(cell.settings.device)
    for options in cell.options.values():
        if "_target_" in options:
            factory(options)
    factory(cell.options["diagnostics"])()  # it looks for its quantities


def load_data(cell: Cell) -> Data:
    """The cell's data, on the CPU. Raises InputError where they cannot be had or are fewer than a batch."""
    data = prepare(factory(cell.options["dataset"])(), getattr(torch, cell.settings.precision))
    if cell.settings.batch_size > len(data.train):
        raise InputError(f"batch_size={cell.settings.batch_size}: the train split has {len(data.train)} samples")
    return data


def block_config(cell: Cell) -> BlockConfig:
    """What the cell's blocks are made of."""
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


def _vmapped(cell: Cell, device: torch.device) -> bool:
    """By model and device, never by the number of seeds: a vmapped network rounds differently from a plain one."""
    if cell.settings.pack != "auto":
        return cell.settings.pack == "vmap"
    return device.type != "cpu" or getattr(factory(cell.options["model"]).func, "vmap_on_cpu", True)


def build(cell: Cell, seeds: tuple[int, ...], data: Data) -> Training:
    """The cell's replicates with these seeds, ready to train. Raises InputError where its choices make no network."""
    settings, options = cell.settings, cell.options
    device, dtype = device_of(settings.device), getattr(torch, settings.precision)
    model, parts = factory(options["model"]), block_config(cell)
    task = Task(data.shape, data.classes, data.is_tokens)
    pack = Pack(
        lambda: model(parts, task),
        factory(options["init"])(),
        seeds,
        device=device,
        dtype=dtype,
        vmapped=_vmapped(cell, device),
    )
    suite = factory(options["diagnostics"])()
    if suite:
        find_blocks(pack.network, suite.blocks)  # there must be some
    return Training(
        pack=pack,
        data=data.to(device),
        optimizer=optimizer_for(pack, factory(options["optimizer"])),
        schedule=factory(options["schedule"])(),
        plan=Plan(settings.steps, settings.batch_size, settings.clip, settings.log_every, settings.eval_every),
        seeds=seeds,
        suite=suite,
    )
