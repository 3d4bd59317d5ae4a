"""Predictions of the theory compared with measured networks: gains per block at initialization, in Markdown."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from resexp.config.compose import Composer
from resexp.theory import Arm, predict
from tests.theory.networks import BATCH, BATCH_BIAS, BIAS, Gap, gaps

DEPTH, WIDTHS = 16, (64, 256)


def arms() -> Iterator[Arm]:
    """Yield activation × placement and normalizer × residual."""
    norms = [("none", "layernorm"), *product(("pre", "post"), ("layernorm", "batchnorm"))]
    for activation, (norm, normalizer), residual in product(("relu", "gelu", "tanh"), norms, ("on", "off")):
        yield Arm(depth=DEPTH, activation=activation, norm=norm, normalizer=normalizer, residual=residual)


def cells(gain: float, by_width: list[Gap]) -> str:
    """Return the predicted gain and the measured ones relative to it, in bold outside the band."""
    shown = [f"{1 + gap.mean:.3f} ± {gap.error:.3f}" for gap in by_width]
    return " | ".join(
        [f"{gain:.3f}", *(s if gap.within else f"**{s}**" for s, gap in zip(shown, by_width, strict=True))]
    )


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=8, metavar="N", help="networks per row and width [8]")
    seeds = range(parser.parse_args().seeds)
    torch.set_num_threads(1)
    composer = Composer()
    widths = " | ".join(f"measured/predicted, n = {width}" for width in WIDTHS)
    print(f"| φ | norm | residual | forward | {widths} | backward | {widths} |")
    print("|---" * (5 + 2 * len(WIDTHS)) + "|")
    for arm in arms():
        measured = [gaps(composer, arm, width, seeds) for width in WIDTHS]
        predicted = predict(arm)
        name = "none" if arm.norm == "none" else f"{arm.norm} {arm.normalizer}"
        forward = cells(predicted.gain_forward, [gap["forward"] for gap in measured])
        backward = cells(predicted.gain_backward, [gap["backward"] for gap in measured])
        print(f"| {arm.activation} | {name} | {arm.residual} | {forward} | {backward} |", flush=True)
    print(
        f"\nMean and standard error over {len(seeds)} networks of {DEPTH} feed-forward blocks, float64, {BATCH} normal"
        f" inputs; gains of the squared norm, per block. Bold: outside four standard errors and {BIAS:g}/n, with"
        f" BatchNorm and {BATCH_BIAS:g}/{BATCH} more."
    )


if __name__ == "__main__":
    main()
