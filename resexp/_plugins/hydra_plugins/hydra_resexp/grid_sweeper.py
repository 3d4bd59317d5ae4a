"""`hydra/sweeper=grid`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from typing_extensions import override

if TYPE_CHECKING:
    from resexp.sweeps.job import CellTask


class GridSweeper(Sweeper):
    """Launches every combination of the swept values, except those that a condition leaves out.

    The jobs are expanded, filtered and checked before Hydra runs (resexp/config/grid.py explains conditions); they come
    with the task.

    Args:
        params: swept values by key, each a list or a string as on the command line.
        exclude: conditions; a cell that one of them matches is left out.
        only: conditions; if there are any, a cell that none of them matches is left out.

    """

    def __init__(
        self,
        params: Mapping[str, Any],
        exclude: Sequence[Mapping[str, Any]] = (),
        only: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.params, self.exclude, self.only = params, exclude, only

    @override
    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from resexp.config.hydra_private import Plugins

        self.jobs = [overrides for overrides, _ in cast("CellTask", task_function).jobs]
        self.job_launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @override
    def sweep(self, arguments: list[str]) -> Any:
        return [self.job_launcher.launch(self.jobs, initial_job_idx=0)]
