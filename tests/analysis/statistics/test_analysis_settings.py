"""The record of analysis choices."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from alignhouse.analysis.statistics.settings import AnalysisSettings


def test_the_defaults_are_the_sound_choices() -> None:
    assert AnalysisSettings().model_dump() == {
        "ceiling_combine": "mean",
        "ceiling_average": "rank",
        "null": "rows_and_columns",
        "p_value": "plus_one",
        "best_layer_null": "max_over_layers",
    }


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="ceilings"):
        AnalysisSettings.model_validate({"ceilings": "mean"})


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValidationError, match="rows_and_columns"):
        AnalysisSettings.model_validate({"null": "columns"})


def test_settings_cannot_change_once_made() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        AnalysisSettings().__setattr__("null", "rows_only")


def test_every_setting_says_what_it_is() -> None:
    undescribed = [name for name, field in AnalysisSettings.model_fields.items() if not field.description]
    assert undescribed == []


def test_the_choices_of_the_published_analysis_are_known() -> None:
    published = {
        "ceiling_combine": "rms",
        "ceiling_average": "raw",
        "null": "rows_only",
        "p_value": "share",
        "best_layer_null": "chosen_layer",
    }
    assert AnalysisSettings.model_validate(published).model_dump() == published
