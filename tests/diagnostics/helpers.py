"""Helpers of the tests of quantities."""

import numpy as np

BATCH = 6


def streams_of(network, probe):
    """Return h_0 … h_L of an MLP."""
    streams = [network.stem(probe.x.flatten(1))]
    for block in network.blocks:
        streams.append(block(streams[-1]))
    return streams


def assert_close(values, expected, rtol=1e-9):
    np.testing.assert_allclose(values.detach().numpy(), np.asarray(expected), rtol=rtol, atol=1e-12)
