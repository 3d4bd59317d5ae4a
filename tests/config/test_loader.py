"""The text of `resexp train --help`."""

from hydra.core.config_store import ConfigStore

from resexp.config.settings import SETTINGS


def test_help_lists_default_choices_settings_and_their_words(composer):
    text = ConfigStore.instance().load("hydra/help/resexp.yaml").node.template
    defaults = " ".join(f"{group}={choice}" for group, choice in composer.checker.default_choices.items())
    assert f"Default choices: {defaults}\n" in text
    for name, spec in SETTINGS.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {name} ")]
        assert spec.metadata["help"] in line
    assert "{relu,gelu,tanh,silu,identity} [relu]" in text
    assert "null: no clipping [null]" in text
