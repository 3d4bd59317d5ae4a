"""What the theory predicts of an arm at initialization, layer by layer.

Shapes: L blocks, and L + 1 streams, the first of which enters the first block.
"""

from dataclasses import dataclass

import numpy as np

from resexp.theory.arms import Arm, Block, without_theory
from resexp.theory.gaussian import Array
from resexp.theory.stream import LOST, Stream


@dataclass(frozen=True)
class Prediction:
    """An arm at initialization, in the limit of wide networks.

    Attributes:
        second_moments: (L + 1,) mean h² of the stream, the square of its RMS.
        cosines: (L + 1,) of a pair of inputs.
        forward: (L,) each block's gain of second_moments.
        backward: (L,) each block's gain of ‖∂loss/∂h‖², from its output to its input.

    """

    second_moments: Array
    cosines: Array
    forward: Array
    backward: Array

    @property
    def gradients(self) -> Array:
        """(L + 1,) ‖∂loss/∂h_l‖² relative to that of the last stream.

        In a pre-norm residual network the last weights of branches have squared gradients in these proportions, from
        element 1 on: first to last √(q_L/q_1) ~ √L in norm. Xiong 2020 (2002.04745).
        """
        return np.exp(self._log_gradients)

    @property
    def _log_gradients(self) -> Array:
        return np.append(np.cumsum(np.log(self.backward)[::-1])[::-1], 0.0)

    @property
    def gain_forward(self) -> float:
        """The geometric mean of `forward`."""
        return float(np.exp(np.log(self.forward).mean()))

    @property
    def gain_backward(self) -> float:
        """The geometric mean of `backward`."""
        return float(np.exp(np.log(self.backward).mean()))


def predict(arm: Arm) -> Prediction | None:
    """The arm's stream and gradients through its blocks; None where `without_theory` has a reason.

    `backward` is nan where a mean adds up along a stream without norms, x + φ(W x): the gradient's component along the
    stream is y²/‖h_l‖², y = h·∂loss/∂h being conserved by homogeneous blocks (Euler), and though it sets out as a share
    1/n of the whole it takes over after ln n/ln(forward/backward) blocks, 17 of ReLU's at n = 256. Where second moments
    leave the range of float64, at gain 2 after 1,000 blocks, all that follows is nan. Raises InputError for an unknown
    placement.

    Plain GELU and SiLU networks without norms need great widths: their variance falls the faster the less there is, so
    that networks which differ by little grow apart. GELU's gains per block were 1.15 (forward) and 1.20 (backward)
    times as large at n = 64, 1.06 and 1.09 at 256; `simulate` has the law of such networks.
    """
    if without_theory(arm):
        return None
    block, x = Block.of(arm), Stream.entering(arm, arm.cosine)
    streams = [x]
    for layer in range(1, arm.depth + 1):
        x = block(x.fresh(), layer) if x.within_range else LOST
        streams.append(x)
    q, gains = np.array([(x.q, x.gain) for x in streams]).T
    if adds_means(block) and not arm.placement.anywhere:
        gains = np.full_like(gains, np.nan)
    return Prediction(q, np.array([x.cosines[0] for x in streams]), q[1:] / q[:-1], gains[1:])


def adds_means(block: Block) -> bool:
    """Whether a mean over features builds up along the stream."""
    return block.skip > 0 and not block.mixed and block(Stream.entering(block.arm), 1).mean > 0
