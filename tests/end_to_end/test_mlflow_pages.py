"""What a user finds in MLflow after a study: its pages in a real browser, and the winner as a registered model."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nibabel as nib
import numpy as np
import pytest

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.slow
LOAD = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/gradual@champion")
line = {"DWI": sys.argv[2], "ADC": sys.argv[3], "B0": ""}
found = model.predict(pd.DataFrame([line]), params={"out": sys.argv[4]})
print(*found.columns, found["remarks"][0], sep="|")
"""


def command(module: str, *arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(store: str) -> Iterator[str]:
    """The server that a study's closing report tells to start, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    arguments = ["--workers", "1", "--port", str(port), "--backend-store-uri", store]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", *arguments],
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urlopen(f"{address}/health", timeout=5).close()
            return
        except (URLError, OSError):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)


@pytest.fixture
def said(hospitals: Rows, arguments: Arguments) -> str:
    """What a study of two trials said; it is `gradual`."""
    return command("study.run", *arguments(hospitals, "study.trials=2", "study.concurrency=1"))


def test_the_pages_show_the_trials_and_the_registry_the_winner(
    said: str, hospitals: Rows, tmp_path: Path
) -> None:
    folder = tmp_path / "studies" / "gradual"
    store = f"sqlite:///{folder / 'mlflow.db'}"
    winner = re.search(r"Winner: trial (\d+)", said)
    assert winner is not None
    the_registered_winner_predicts_like_its_bundle(store, hospitals[0], tmp_path)
    if BROWSER is None:
        pytest.skip("the pages need Chromium; the registry was tested")
    page = re.search(r"open http://127\.0\.0\.1:5000/(#\S+) in a browser", said)
    assert page is not None
    with serving(store) as address:
        the_printed_address_answers_within_three_clicks(f"{address}/{page[1]}", int(winner[1]), tmp_path)


def the_printed_address_answers_within_three_clicks(address: str, winner: int, pictures: Path) -> None:
    """Which values did best at the unseen center is on the page; how sure that is, two clicks further."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 2600, "height": 900})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        page.goto(address)
        best = page.get_by_role("link", name=f"trial {winner:04d} (winner)")
        expect(best).to_be_visible()
        for column in (
            "objective",
            "modality_dropout.drop_probability",
            "schedule.shape",
            "dice.unseen.Abroad",
        ):
            expect(page.get_by_role("columnheader", name=column, exact=True).first).to_be_visible()
        assert page.get_by_role("link", name=re.compile(r"^trial \d{4}")).count() == 2
        page.screenshot(path=pictures / "trials.png")
        best.click()
        expect(page.get_by_text("Dice on test subjects by center").first).to_be_visible()
        page.get_by_text("Show more").first.click()
        expect(page.get_by_role("cell", name="Abroad").first).to_be_visible()
        page.screenshot(path=pictures / "winner.png")
        browser.close()


def the_registered_winner_predicts_like_its_bundle(store: str, files: dict[str, str], folder: Path) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, store, files["DWI"], files["ADC"], str(folder / "masks")],
        capture_output=True,
        text=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.splitlines()[-1] == "volume_ml|components|mask|remarks|warnings|without B0"
    bundle = folder / "bundle"
    command("study.export", "study.name=gradual", f"study.root={folder / 'studies'}", f"out={bundle}")
    mask = folder / "mask.nii.gz"
    command("study.predict", f"bundle={bundle}", f"DWI={files['DWI']}", f"ADC={files['ADC']}", f"out={mask}")
    expected, found = (np.asarray(nib.load(path).dataobj) for path in (mask, folder / "masks" / "0.nii.gz"))
    assert expected.any()
    np.testing.assert_array_equal(found, expected)
