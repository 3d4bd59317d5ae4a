"""Helpers of the tests of depth searches."""

from resexp.sweeps.arm_search import arm_searches


def planned_searches(composer, *overrides):
    """Return the searches of a command line."""
    return arm_searches(composer, composer.normalize(overrides))
