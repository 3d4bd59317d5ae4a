"""The arms of a depth search, planned from overrides."""

import pytest

from resexp.config.errors import InputError
from resexp.sweeps.depth_search import first_round
from tests.sweeps.helpers import planned_searches


def test_each_combination_is_an_arm_searched_in_the_given_depths_and_rates(composer):
    searches = planned_searches(
        composer, "norm=none,pre", "residual=on,off", "depth=8,512", "optimizer.lr=1e-2,1e-3", "seeds=4"
    )
    assert [arm.name for arm in searches] == ["none+residual", "none+plain", "pre+residual", "pre+plain"]
    search = searches[0].search
    assert (search.lowest, search.highest, search.many, search.few) == (8, 512, 4, 3)
    assert search.rates == [1e-3, 1e-2]
    (arm,) = planned_searches(composer, "norm=pre", "depth=16", "optimizer.lr=0.5")
    assert (arm.search.lowest, arm.search.highest, arm.search.rates) == (4, 16, [0.5])


def test_default_rates_are_around_that_of_the_optimizer(composer):
    (arm,) = planned_searches(composer)
    assert (arm.search.lowest, arm.search.highest, arm.search.many) == (4, 256, 8)
    assert arm.search.rates == [3e-4, 1e-3, 3e-3]
    assert planned_searches(composer, "optimizer=sgd")[0].search.rates == [0.03, 0.1, 0.3]
    assert planned_searches(composer, "optimizer=sgd", "optimizer.lr=1")[0].search.rates == [1.0]


def test_the_name_of_an_arm_has_the_overrides_that_distinguish_it(composer):
    searches = planned_searches(composer, "dataset=digits,synthetic", "norm=pre,post", "activation=tanh", "depth=8")
    assert {"pre+residual dataset=digits", "post+residual dataset=synthetic"} < {arm.name for arm in searches}
    assert all("activation" not in arm.name for arm in searches)


def test_the_cells_of_a_round_have_the_ids_that_train_gives_them(composer):
    searches = planned_searches(composer, "norm=pre", "depth=2,8", "width=16")
    cells = first_round(composer, searches)
    assert [(c.settings.depth, c.settings.seed_list, c.options["optimizer"]["lr"]) for c in cells] == [
        (2, (0, 1, 2), rate) for rate in (3e-4, 1e-3, 3e-3)
    ]
    assert cells[1].id == composer.cell(["norm=pre", "depth=2", "width=16"]).id
    assert cells[0].settings.tuning_seeds == [0, 1, 2]


def test_the_tuning_seeds_need_not_be_among_the_test_seeds(composer):
    assert [*planned_searches(composer, "tuning_seeds=[5,6]", "seeds=3", "depth=8")[0].search.tuning_seeds] == [5, 6]
    with pytest.raises(InputError, match="seeds=1,2: expected one number"):
        planned_searches(composer, "seeds=1,2", "depth=8")


def test_an_optimizer_without_a_rate_is_refused(composer):
    with pytest.raises(InputError, match="has no lr"):
        planned_searches(composer, "optimizer._target_=torch.optim.LBFGS")
