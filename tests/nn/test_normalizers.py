"""Normalizers: equality with those of torch, and properties of the variants of the article."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resexp.config.errors import InputError
from resexp.nn.normalizers.article_code import ArticleCode
from resexp.nn.normalizers.article_formula import ArticleFormula
from resexp.nn.normalizers.article_text import ArticleText
from resexp.nn.normalizers.batchnorm import BatchNorm
from resexp.nn.normalizers.dyt import DyT
from resexp.nn.normalizers.groupnorm import GroupNorm
from resexp.nn.normalizers.layernorm import LayerNorm
from resexp.nn.normalizers.rmsnorm import RMSNorm

WIDTH = 16
STREAMS = [(6, WIDTH), (6, 5, WIDTH), (6, WIDTH, 3, 4)]


def _randomized(norm):
    for parameter in norm.parameters():
        nn.init.normal_(parameter)
    return norm.double()


def _stream(shape):
    return 3 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 2


@pytest.mark.parametrize("shape", STREAMS)
def test_layernorm_rmsnorm_and_article_code_equal_those_of_torch(shape):
    x, norm = _stream(shape), _randomized(LayerNorm(WIDTH))
    dims = shape[1:] if len(shape) == 4 else shape[-1:]
    normal = F.layer_norm(x, dims)
    affine = (norm.weight[:, None, None], norm.bias[:, None, None]) if len(shape) == 4 else (norm.weight, norm.bias)
    torch.testing.assert_close(norm(x), normal * affine[0] + affine[1])
    torch.testing.assert_close(ArticleCode(WIDTH)(x), normal)
    torch.testing.assert_close(RMSNorm(WIDTH, eps=1e-6).double()(x), F.rms_norm(x, dims, eps=1e-6))


@pytest.mark.parametrize("shape", STREAMS)
def test_batchnorm_equals_that_of_torch_in_training_and_evaluation(shape):
    norm, x = _randomized(BatchNorm(WIDTH)), _stream(shape)
    reference = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[len(shape)](WIDTH).double()
    reference.load_state_dict(norm.state_dict(), strict=False)
    for training in (True, True, False):
        norm.train(training)
        reference.train(training)
        expected = reference(x.movedim(-1, 1)).movedim(1, -1) if len(shape) == 3 else reference(x)
        torch.testing.assert_close(norm(x), expected)
    torch.testing.assert_close(norm.running_var, reference.running_var)


@pytest.mark.parametrize("shape", STREAMS)
def test_groupnorm_equals_that_of_torch_for_each_token(shape):
    norm, x = _randomized(GroupNorm(WIDTH, groups=4)), _stream(shape)
    arguments = (4, norm.weight, norm.bias, norm.eps)
    if len(shape) == 3:
        expected = torch.stack([F.group_norm(x[:, t], *arguments) for t in range(shape[1])], 1)
    else:
        expected = F.group_norm(x, *arguments)
    torch.testing.assert_close(norm(x), expected)


def test_groups_that_do_not_divide_the_width_are_refused():
    with pytest.raises(InputError, match="does not divide the width 10"):
        GroupNorm(10, groups=4)


@pytest.mark.parametrize("shape", STREAMS)
def test_dyt_is_elementwise_tanh(shape):
    x = _stream(shape)
    torch.testing.assert_close(DyT(WIDTH, alpha=0.25).double()(x), torch.tanh(x / 4))


def test_variants_of_the_article_have_the_documented_properties():
    x = _stream((6, WIDTH))
    torch.testing.assert_close(ArticleText(WIDTH, eps=0)(3 * x), ArticleText(WIDTH, eps=0)(x) / 3)
    centered = x - x.mean(-1, keepdim=True)
    out = ArticleFormula(WIDTH, eps=0)(centered).detach()
    torch.testing.assert_close(out.norm(dim=-1), torch.ones(6, dtype=torch.float64))
    assert (ArticleFormula(WIDTH)(x).mean(-1).abs() > 0.05).any()


@pytest.mark.parametrize(
    ("norm", "count"),
    [
        (LayerNorm, 2 * WIDTH),
        (RMSNorm, WIDTH),
        (BatchNorm, 2 * WIDTH),
        (GroupNorm, 2 * WIDTH),
        (DyT, 2 * WIDTH + 1),
        (ArticleFormula, WIDTH),
        (ArticleText, 0),
        (ArticleCode, 0),
    ],
)
def test_the_number_of_parameters_is_as_documented(norm, count):
    assert sum(p.numel() for p in norm(WIDTH).parameters()) == count
