"""MLflow: the study is a parent run, each trial a nested one; all content is read from the study's folder."""

from study.tracking.store import tracking_uri, without_password
from study.tracking.tracker import Tracker, send_missing

__all__ = ["Tracker", "send_missing", "tracking_uri", "without_password"]
