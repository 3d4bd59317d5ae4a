"""Random crops and flips."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.data.transforms import Augment
from tests.data.files import write_idx
from tests.engine.test_pack import assert_bitwise, run

SIDES = st.integers(1, 7)


@given(SIDES, SIDES, st.integers(0, 3), st.booleans(), st.integers(0, 5), st.booleans())
def test_crops_and_flips_equal_those_of_numpy(height, width, crop, flip, step, color):
    shape = (2, 4, *((3,) if color else ()), height, width)
    x = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    augment, seeds = Augment(crop, flip), (5, 9)
    out = augment(x, seeds, step)
    for r, seed in enumerate(seeds):
        shift, mirrored = augment._draw(seed, step, 4)
        for b in range(4):
            padded = np.pad(x[r, b].numpy(), [(0, 0)] * color + [(crop, crop)] * 2)
            top, left = shift[b].tolist()
            cut = padded[..., top : top + height, left : left + width]
            np.testing.assert_array_equal(out[r, b].numpy(), cut[..., ::-1] if mirrored[b] else cut)


def test_augmentation_depends_on_seed_and_step_only():
    x, augment = torch.rand(1, 64, 8, 8), Augment(2, True)
    single = augment(x, (3,), 7)
    assert torch.equal(augment(x.expand(3, -1, -1, -1), (1, 3, 2), 7)[1], single[0])
    assert not torch.equal(augment(x, (3,), 8), single)
    assert not torch.equal(augment(x, (4,), 7), single)
    assert Augment()(x, (3,), 7) is x


@pytest.mark.parametrize("more", [(), ("dataset.crop=1", "dataset.flip=true")])
def test_training_with_augmentation_does_not_depend_on_the_pack(cell, tmp_path, more):
    small = cell("dataset=mnist", f"dataset.path={write_idx(tmp_path / 'idx')}", *more)
    assert_bitwise(run(small, (2,))[2], run(small, (0, 2, 1))[2])
