"""Cosines and ranks agree with NumPy."""

import numpy as np
import torch
import torch.nn.functional as F

from resexp.diagnostics.quantities.similarity import effective_rank, pair_cosine, rank_residual
from tests.diagnostics.helpers import BATCH, assert_close, streams_of


def test_cosine_rank_residual_and_effective_rank(make_probe):
    network, probe = make_probe()
    cosine, residual, rank = (quantity(probe)[0] for quantity in (pair_cosine, rank_residual, effective_rank))
    for layer, h in enumerate(streams_of(network, probe)):
        x = h.detach().numpy()
        units = x / np.linalg.norm(x, axis=1, keepdims=True)
        cosines = (units @ units.T)[~np.eye(BATCH, dtype=bool)]
        share = np.linalg.svd(x, compute_uv=False)
        share = share / share.sum()
        assert_close(cosine[layer], cosines.mean())
        assert_close(residual[layer], np.linalg.norm(x - x.mean(0)) / np.linalg.norm(x))
        assert_close(rank[layer], np.exp(-(share * np.log(share)).sum()), rtol=1e-6)


def test_the_cosine_of_sequences_compares_tokens(make_probe):
    network, probe = make_probe("model=transformer", "model.patch=2")
    h = probe.trace.streams[0][0]
    cosines = [F.cosine_similarity(t[:, None], t[None], dim=-1)[~torch.eye(4, dtype=bool)].mean() for t in h]
    assert_close(pair_cosine(probe)[0, 0], torch.stack(cosines).mean())
    assert len(network.blocks) + 1 == pair_cosine(probe).shape[1]


def test_parallel_streams_have_cosine_1_and_rank_1(make_probe):
    network, probe = make_probe()
    with torch.no_grad():
        network.stem.weight.zero_()
        network.stem.bias[:] = 1.0
    assert_close(pair_cosine(probe)[0], np.ones(4))
    assert_close(effective_rank(probe)[0], np.ones(4), rtol=1e-5)
    assert_close(rank_residual(probe)[0], np.zeros(4))
