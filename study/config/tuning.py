"""Section `tuning`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from study.config.addresses import Address
from study.config.known import known
from study.config.own_settings import SettingsByName
from study.config.section import Count, Fraction, Section


class Tuning(Section):
    """The search over settings that cost a training each."""

    sampler: Annotated[str, known("samplers")] = Field("tpe", description="how settings are proposed")
    startup_trials: Annotated[int, Field(ge=0)] = Field(
        5, description="trials at random before sampler=tpe learns from them"
    )
    candidates: Count = Field(
        24, description="settings that sampler=tpe draws for a trial, of which it takes the most promising"
    )
    population: Annotated[int, Field(ge=2, le=10_000)] = Field(
        20, description="trials of a generation of sampler=nsga2, the first of which is random"
    )
    prior_share: Fraction = Field(
        0.5,
        description="share of the first trials that are drawn from the search space's priors, where it has any",
    )
    prior_trials: Annotated[float, Field(gt=0)] = Field(
        10.0, description="that share halves every so many trials, so that a wrong prior is overcome"
    )
    scheduler: Annotated[str, known("schedulers")] = Field(
        "asha", description="how trials that fall behind are stopped"
    )
    first_rung: Annotated[float, Field(gt=0, le=1)] = Field(
        0.34, description="fraction of the epochs after which trials are first compared"
    )
    reduction_factor: Annotated[float, Field(gt=1)] = Field(
        2.0,
        description="one in so many trials goes on at a rung (not with scheduler=median), "
        "and rungs are so many times apart",
    )
    median_trials: Count = Field(
        5, description="other trials that must have come to a rung before scheduler=median stops one there"
    )
    wait_for_fade_out: bool = Field(
        True,
        description="compare a trial only at rungs where its dropped modalities have faded out, which with "
        "schedule.clock=rung is all of them: before, it looks better on full data than it will be, and worse "
        "on missing data",
    )
    storage: Address | None = Field(
        None,
        description="URL of a database, such as postgresql://user@host/name; null: SQLite in the study's folder",
    )
    max_failures: Annotated[int, Field(ge=0)] = Field(2, description="restarts of one trial after a crash")
    settings: Annotated[Any, SettingsByName((("sampler", "samplers"), ("scheduler", "schedulers")))] = Field(
        {}, description="own settings of parts of installed packages, by the part's name"
    )
