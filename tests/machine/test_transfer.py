"""Files arrive whole, under accepted names only, and a transfer that was cut goes on where it stopped."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from study.errors import TransferError
from study.machine import transfer
from study.machine.transfer import Part, Receiver, batches, names, parts

CONTENT = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PART_BYTES", 1000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "checkpoint.pt"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def receiver(tmp_path: Path) -> Receiver:
    return Receiver(tmp_path / "home", ("checkpoint.pt", "probabilities/*.npz"))


def test_a_file_appears_once_its_last_part_is_there(source: Path, receiver: Receiver, tmp_path: Path) -> None:
    arrived = tmp_path / "home" / "checkpoint.pt"
    seen = []
    for part in parts(source, "checkpoint.pt"):
        assert not arrived.exists()
        seen.append((part.offset, len(part.content), receiver.take(part)))
    assert seen == [(0, 1000, False), (1000, 1000, False), (2000, 560, True)]
    assert arrived.read_bytes() == CONTENT
    assert [path.name for path in arrived.parent.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("received", [0, 1, 1000, 1700, 2559, 2560])
def test_a_cut_transfer_goes_on_from_any_byte(
    received: int, source: Path, receiver: Receiver, tmp_path: Path
) -> None:
    unfinished = tmp_path / "home" / ".checkpoint.pt.part"
    unfinished.parent.mkdir()
    unfinished.write_bytes(CONTENT[:received])
    assert receiver.received("checkpoint.pt") == received
    rest = list(parts(source, "checkpoint.pt", receiver.received("checkpoint.pt")))
    assert b"".join(part.content for part in rest) == CONTENT[received:]
    assert [receiver.take(part) for part in rest][-1]
    assert (tmp_path / "home" / "checkpoint.pt").read_bytes() == CONTENT


def test_an_empty_file_arrives(tmp_path: Path, receiver: Receiver) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    (only,) = parts(empty, "checkpoint.pt")
    assert only.digest == hashlib.sha256().hexdigest()
    assert receiver.take(only)
    assert (tmp_path / "home" / "checkpoint.pt").read_bytes() == b""


def test_a_flipped_bit_is_noticed_and_nothing_stays(source: Path, receiver: Receiver, tmp_path: Path) -> None:
    first, *rest, last = parts(source, "checkpoint.pt")
    receiver.take(replace(first, content=b"\x01" + first.content[1:]))
    for part in rest:
        receiver.take(part)
    with pytest.raises(TransferError, match=r"checkpoint\.pt: damaged on its way"):
        receiver.take(last)
    assert list((tmp_path / "home").iterdir()) == []


def test_a_part_out_of_turn_is_refused(source: Path, receiver: Receiver) -> None:
    first, second, _ = parts(source, "checkpoint.pt")
    receiver.take(first)
    receiver.take(second)
    with pytest.raises(TransferError, match="part at 1000 after 2000 bytes"):
        receiver.take(second)


@pytest.mark.parametrize(
    "name",
    ["other.pt", "../checkpoint.pt", "/checkpoint.pt", "probabilities/../checkpoint.pt",
     "probabilities/a/b.npz", "probabilities", "a/checkpoint.pt"],
)  # fmt: skip
def test_a_sender_can_write_nothing_else(name: str, source: Path, receiver: Receiver) -> None:
    (part, *_) = parts(source, name)
    with pytest.raises(TransferError, match="not a file that is expected here"):
        receiver.take(part)


def test_a_file_that_is_replaced_while_it_is_read_arrives_as_it_was(source: Path, receiver: Receiver) -> None:
    sending = parts(source, "checkpoint.pt")
    receiver.take(next(sending))
    newer = source.with_name("newer")
    newer.write_bytes(b"newer")
    newer.replace(source)
    assert [receiver.take(part) for part in sending] == [False, True]


@pytest.mark.parametrize(
    ("sizes", "batched"),
    [
        ([], []),
        ([10], [[10]]),
        ([4, 6, 1], [[4, 6], [1]]),
        ([11, 0], [[11], [0]]),
        ([1, 25, 9, 1, 1], [[1], [25], [9, 1], [1]]),
    ],
)
def test_batches_hold_as_many_parts_as_fit(sizes: list[int], batched: list[list[int]]) -> None:
    made = [Part(f"file {number}", 0, bytes(size), None) for number, size in enumerate(sizes)]
    found = list(batches(made, 10))
    assert [[len(part.content) for part in batch] for batch in found] == batched
    assert [part for batch in found for part in batch] == made


def test_names_come_in_the_order_of_the_patterns(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "probabilities/z.npz", "probabilities/.y.npz.tmp", "other"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert names(tmp_path, ("probabilities/*.npz", "a.json", "missing", "b.json")) == [
        "probabilities/z.npz",
        "a.json",
        "b.json",
    ]


def test_leftovers_of_an_interrupted_sender_are_removed(
    source: Path, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.take(next(parts(source, "checkpoint.pt")))
    receiver.forget_unfinished()
    assert receiver.received("checkpoint.pt") == 0
    assert list((tmp_path / "home").iterdir()) == []
