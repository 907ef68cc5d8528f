"""The Ray that a study runs on: one of its own on this machine, or a cluster."""

from __future__ import annotations

import logging
import math
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.machine.processes import available_cpus
from study.machine.temporary import temporary_folder
from study.tuning.room import Need, Node

logger = logging.getLogger(__name__)

LOCAL, AUTO = "local", "auto"
LOOPBACK = "127.0.0.1"

# Quiet, no telemetry, no snapshots (the database is the truth), and the cheapest start that Ray Train has.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
    "RAY_TUNE_CALLBACKS": "study.tuning.search.Silence",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "60",  # one that is slower to end a trial is lost, with the next trial
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",
    "TUNE_STATE_REFRESH_PERIOD": "1000000000",  # it asks a head that may be gone, for statistics that nobody reads
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}
LONGEST_PLACE = 16  # characters: the path of a socket has at most 107, of which Ray's part takes up to 91
OBJECT_STORE_BYTES = 100 * 2**20  # what trials exchange goes through it in parts
CONNECT_S = 10.0
STARTS = 2  # a busy machine may be too slow for Ray's own time limits, once


@contextmanager
def ray_for(address: str, need: Need, wanted: int | None) -> Iterator[None]:
    """Connect to Ray or start it; what was started is shut down afterwards. Ray that is up already is used as it is.

    A Ray of our own listens on the loopback interface only, and asks for a token that no other process has.

    Args:
        address: local, auto, or the address of a cluster's head.
        need: of one trial.
        wanted: trials at a time; None for as many as fit.

    Raises:
        StudyError: Ray does not start, or the cluster cannot be reached.
    """
    if _is_up():
        yield
        return
    if address != LOCAL:
        with _environment(ENVIRONMENT):
            import ray

            _read_settings_again()
            _connect(address)
            try:
                yield
            finally:
                ray.shutdown()
        return
    if "RAY_ADDRESS" in os.environ:
        logger.warning("RAY_ADDRESS is set, and not used: cluster=local; use cluster=auto for that cluster")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with (
        _environment(ENVIRONMENT | token),
        temporary_folder("ray", place_for_ray()) as temporary,
        _on_loopback(),
    ):
        import ray

        _start(need, wanted, temporary)
        try:
            yield
        finally:
            ray.shutdown()


def place_for_ray() -> Path:
    """Where Ray's temporary folder is: the system's place for temporary files, or /tmp if that is too long for it."""
    place = tempfile.gettempdir()
    return Path(place if len(place) <= LONGEST_PLACE else "/tmp")


def _is_up() -> bool:
    """Whether this process is connected to Ray; it is not imported before its settings are in the environment."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def nodes_of(address: str) -> dict[str, Node]:
    """The machines that are alive, by Ray's identity of the node.

    A Ray of our own is started with more CPUs than there are, so this machine's cores are counted here.
    """
    import ray

    found = {}
    for node in ray.nodes():
        if node["Alive"]:
            resources = node["Resources"]
            cpus = available_cpus() if address == LOCAL else resources.get("CPU", 0.0)
            found[node["NodeID"]] = Node(float(cpus), resources.get("GPU", 0.0))
    return found


def check_reachable(address: str) -> None:
    """Raise StudyError if nobody listens at the address of a cluster: Ray itself would try for minutes.

    Args:
        address: local, auto, or the address of a cluster's head.
    """
    host, _, port = _resolved(address).rpartition(":")
    if address == LOCAL or not (host and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from None
    except (OverflowError, UnicodeError):
        raise _unreachable(address, "no such address") from None


def _resolved(address: str) -> str:
    """The address of the head, where RAY_ADDRESS says what auto stands for."""
    return os.environ.get("RAY_ADDRESS", AUTO) if address == AUTO else address


def _unreachable(address: str, reason: str) -> StudyError:
    return StudyError(
        f"cluster: no Ray cluster is reached at {_resolved(address)} ({reason}); start one with `ray start`, "
        "give its address as cluster=host:port, or use cluster=local"
    )


def _connect(address: str) -> None:
    import ray
    from ray.exceptions import AuthenticationError

    try:
        variables = {"env_vars": ENVIRONMENT}
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, runtime_env=variables)
    except (ConnectionError, RuntimeError, ValueError, AuthenticationError) as error:
        raise _unreachable(address, str(error).strip().splitlines()[0]) from None


def _start(need: Need, wanted: int | None, temporary: Path) -> None:
    import ray

    asked = (wanted or 1) * need.workers * need.cpus
    nested = temporary / "r"  # Ray makes its folder readable to all
    for attempt in range(1, STARTS + 1):
        try:
            ray.init(
                address="local",
                num_cpus=math.ceil(max(available_cpus(), asked)),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=str(nested),
                _node_ip_address=LOOPBACK,
            )
        except Exception as error:  # Ray raises many kinds, bare Exception among them
            ray.shutdown()
            reason = str(error).strip().splitlines()[0]
            if attempt == STARTS:
                raise StudyError(
                    f"Ray does not start on {socket.gethostname()} ({reason}); free memory and processors, "
                    "then continue with resume=true"
                ) from None
            logger.warning("Ray does not start (%s); trying once more", reason)
        else:
            return


def _read_settings_again() -> None:
    """Let Ray read the environment anew: it has read it on import, which may have been earlier."""
    from ray import _raylet

    settings: Any = _raylet
    settings.Config.initialize("")
    settings.AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Let Ray listen on the loopback interface.

    It replaces a loopback address by one that other machines can reach, unless clusters are disabled by a switch that
    is meant for Windows and macOS.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    _read_settings_again()
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    """Ray's settings, where the user has not made them; removed afterwards."""
    added = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
