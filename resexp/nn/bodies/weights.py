"""The weights of a branch."""

from torch import nn

LINEAR = (nn.Linear, nn.Conv2d)


def signal_path(body: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """The linear layers through which the signal passes, in order: all but those of queries and keys."""
    aside = getattr(body, "aside", ())
    return [m for name, m in body.named_modules() if isinstance(m, LINEAR) and name not in aside]
