"""MLflow: the study is a parent run, each trial a nested one; all content is read from the study's folder."""

from __future__ import annotations

from study.tracking.following import Tracker, make_tracker
from study.tracking.store import MLFLOW_DATABASE, tracking_uri
from study.tracking.tracker import send_missing

__all__ = ["MLFLOW_DATABASE", "Tracker", "make_tracker", "send_missing", "tracking_uri"]
