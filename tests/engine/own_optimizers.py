"""Optimizers as users write them."""

import torch


class NormalizedSGD(torch.optim.Optimizer):
    """Divides by the norm of each parameter's gradient, so it needs parameters in their own shapes."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad / (p.grad.norm() + 1e-8))


class AssignsData(torch.optim.Optimizer):
    """Assigns `p.data`, after which the parameter lies in other memory."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.data = p.data - group["lr"] * p.grad


class DecaysItsScale(torch.optim.Optimizer):
    """Keeps its state in its parameter groups."""

    def __init__(self, params, lr=1e-2):
        super().__init__(params, {"lr": lr, "scale": 1.0})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * group["scale"] * p.grad)
            group["scale"] *= 0.8


class ElementwiseSGD(DecaysItsScale):
    """Declares that it treats each value alone."""

    elementwise = True


class LayerwiseAdamW(torch.optim.AdamW):
    """A subclass of an elementwise optimizer that is not elementwise itself: it scales by each parameter's norm."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad *= 1 + p.norm()
        return super().step(closure)
