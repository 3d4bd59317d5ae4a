"""The size of the stream."""

import pytest

from resexp.diagnostics.quantities.stream_rms import stream_rms
from tests.diagnostics.helpers import assert_close, streams_of


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
def test_stream_rms_of_an_mlp(make_probe, norm):
    network, probe = make_probe(f"norm={norm}")
    expected = [h.detach().square().mean().sqrt() for h in streams_of(network, probe)]
    assert_close(stream_rms(probe)[0], expected)
