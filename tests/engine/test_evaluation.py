"""Evaluation agrees with plain PyTorch and changes no buffer."""

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from resexp.build import build, load_data
from resexp.data.dataset import Split
from resexp.engine.evaluation import MAX_SAMPLES, evaluate, subset


@pytest.mark.parametrize("mode", ["vmap", "plain"])
def test_loss_and_accuracy_agree_with_the_plain_network(cell, mode):
    small = cell("norm=pre", "precision=float64", f"pack={mode}")
    data = load_data(small)
    pack = build(small, (0, 1), data).pack
    loss_R, accuracy_R = evaluate(pack, data, data.validation)
    for row in (0, 1):
        logits = functional_call(pack.network, pack.state_dict(row), (data.standardize(data.validation.x),))
        torch.testing.assert_close(loss_R[row], F.cross_entropy(logits, data.validation.y))
        torch.testing.assert_close(accuracy_R[row], (logits.argmax(1) == data.validation.y).double().mean())


def test_evaluation_with_batch_statistics_changes_no_buffer(cell):
    small = cell("norm=pre", "normalizer=batchnorm", "body.dropout=0.3")
    data = load_data(small)
    pack = build(small, (0, 1), data).pack
    before = {name: buffer.clone() for name, buffer in pack.buffers.items()}
    batch_loss_R, _ = evaluate(pack, data, data.validation, train_batch_size=32)
    running_loss_R, _ = evaluate(pack, data, data.validation)
    assert before
    assert all(torch.equal(buffer, before[name]) for name, buffer in pack.buffers.items())
    assert not torch.equal(batch_loss_R, running_loss_R)


def test_the_subset_is_fixed_and_limited():
    large = Split(torch.arange(3 * MAX_SAMPLES), torch.arange(3 * MAX_SAMPLES))
    assert len(subset(large)) == MAX_SAMPLES
    assert torch.equal(subset(large).x, subset(large).x)
    assert len(subset(large).x.unique()) == MAX_SAMPLES
    sequences = Split(torch.zeros(64, 1024), torch.zeros(64, 1024))
    assert len(subset(sequences)) == 16
    small = Split(torch.zeros(5), torch.zeros(5))
    assert subset(small) is small
