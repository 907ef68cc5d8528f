"""Machines for tests: namespaces with a network between them, and no folder in common."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TOOLS = ("unshare", "nsenter", "ip", "mount")
PRIVATE = ("/tmp", "/dev/shm")  # each machine has its own
PROJECT = Path(__file__).parents[1]  # installed on all of them
NETWORK = "10.77.0"


def why_not() -> str | None:
    """Why there are no such machines here; None if there are."""
    if lacking := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"{', '.join(lacking)} not installed"
    tried = subprocess.run(
        ["unshare", "-Urnmp", "--fork", "--mount-proc", "true"], capture_output=True, check=False
    )
    return None if tried.returncode == 0 else "namespaces are not allowed here"


@dataclass
class Host:
    """One machine.

    Attributes:
        address: in the network.
        init: its first process; when it ends, all others of the machine do.
        environment: of the commands that run there.
        running: processes that tests have started there.
    """

    address: str
    link: str
    network: Sequence[str]
    init: subprocess.Popen[bytes]
    pid: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The machine's files, as others see them."""
        return Path(f"/proc/{self.pid}/root")

    def command(self, *arguments: str) -> list[str]:
        """A command that runs on this machine."""
        enter = ["nsenter", "-t", str(self.pid), "-U", "-n", "-m", "-p", "-u", "--preserve-credentials"]
        return [*enter, f"--wd={Path.cwd()}", "--", *arguments]

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[str]:
        """Start a command here; its output goes to a file."""
        with log.open("w") as output:
            process = subprocess.Popen(
                self.command(*arguments),
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=output,
                text=True,
            )
        self.running.append(process)
        return process

    def run(self, *arguments: str) -> str:
        """Run a command here to its end, and return what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def die(self) -> None:
        """Lose power."""
        os.kill(self.pid, 9)
        self.init.wait()
        for process in self.running:
            process.kill()
            process.wait()

    def cut(self) -> None:
        """Pull the cable."""
        subprocess.run([*self.network, "ip", "link", "set", self.link, "down"], check=True)

    def mend(self) -> None:
        """Plug the cable in again."""
        subprocess.run([*self.network, "ip", "link", "set", self.link, "up"], check=True)


@contextmanager
def machines(count: int) -> Iterator[list[Host]]:
    """So many machines in a network of their own."""
    switch = subprocess.Popen(["unshare", "-Urnm", "--fork", "--kill-child", "sleep", "infinity"])
    hosts: list[Host] = []
    try:
        pid = _child(switch.pid)
        _wait_for(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")  # root is not mapped before
        inside = ["nsenter", "-t", str(pid), "-U", "-n", "-m", "--preserve-credentials", "--"]
        for line in ("link add br0 type bridge", "link set br0 up", "link set lo up"):
            subprocess.run([*inside, "ip", *line.split()], check=True)
        for number in range(1, count + 1):
            hosts.append(_host(number, inside))
        yield hosts
    finally:
        for host in hosts:
            if host.init.poll() is None:
                host.die()
        switch.kill()
        switch.wait()


def _host(number: int, inside: Sequence[str]) -> Host:
    mounts = "; ".join(f"mount -t tmpfs tmpfs {folder}" for folder in PRIVATE)
    if any(PROJECT.is_relative_to(folder) for folder in PRIVATE):
        again = f"mount --no-canonicalize --bind /proc/self/cwd {PROJECT}"
        mounts = f"cd {PROJECT}; {mounts}; mkdir -p {PROJECT}; {again}"
    reap = "while :; do sleep 1000 & wait; done"  # an orphan that has ended would stay a zombie
    first = f"{mounts}; hostname host{number}; ip link set lo up; {reap}"
    init = subprocess.Popen(
        [*inside, "unshare", "-nmpu", "--fork", "--kill-child", "--mount-proc", "sh", "-c", first]
    )
    host = Host(f"{NETWORK}.{number}", f"v{number}", inside, init)
    host.pid = _child(init.pid)
    for line in (
        f"link add v{number} type veth peer name e0 netns {host.pid}",
        f"link set v{number} master br0",
        f"link set v{number} up",
    ):
        subprocess.run([*inside, "ip", *line.split()], check=True)
    host.run("sh", "-c", f'until [ "$(hostname)" = host{number} ]; do sleep 0.1; done')
    host.run("ip", "addr", "add", f"{host.address}/24", "dev", "e0")
    host.run("ip", "link", "set", "e0", "up")
    return host


def _child(pid: int) -> int:
    """The first child of a process, once it has one."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    _wait_for(lambda: bool(children.read_text()))
    return int(children.read_text().split()[0])


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("a machine does not start")
        time.sleep(0.02)
