"""What is read of files from strangers: bounded in size and depth, and no text that nobody can show."""

from __future__ import annotations

import io
import json

import pytest

from study.machine.untrusted import AT_FIRST, DEEPEST_JSON, UnreadableError, parse_json, read_limited


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("most", [5, AT_FIRST, 3 * AT_FIRST])
def test_a_file_is_read_up_to_its_limit(most: int, extra: int) -> None:
    content = bytes(index % 251 for index in range(most + extra))
    if extra <= 0:
        assert read_limited(io.BytesIO(content), most) == content
    else:
        with pytest.raises(UnreadableError, match=f"larger than {most:,} bytes"):
            read_limited(io.BytesIO(content), most)


class Greedy(io.BytesIO):
    """A file that takes memory for all that it is asked for, as buffered files do."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        self.taken = max(self.taken, size or 0)
        return super().read(size)


def test_a_small_file_does_not_take_the_memory_of_the_largest() -> None:
    file = Greedy(b"{}")
    assert read_limited(file, 2**40) == b"{}"
    assert file.taken <= 2**16


@pytest.mark.parametrize("inner", ["[]", "{}", "3", '"[[["', '"é"', r'"\u00e9"'])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}")])
def test_depth_is_limited_however_the_text_is_written(opening: str, closing: str, inner: str) -> None:
    deepest = DEEPEST_JSON - 1  # containers around something
    text = (opening * deepest + inner + closing * deepest).encode()
    assert parse_json(text) == json.loads(text)
    too_deep = (opening * (deepest + 1) + inner + closing * (deepest + 1)).encode()
    with pytest.raises(UnreadableError, match="nested too deeply"):
        parse_json(too_deep)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (rb'{"a": "x\u0000"}', "it holds NUL characters"),
        (rb'["\ud800"]', "it holds half a character"),
        (rb'{"\uDC00": 1}', "it holds half a character"),
        (b'["x\0"]', "not JSON"),
        (b'["\xed\xa0\x80"]', "not JSON"),  # half a character in UTF-8, without an escape
    ],
)
def test_text_that_no_terminal_takes_is_refused(text: bytes, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        parse_json(text)


def test_whole_characters_are_read_whether_escaped_or_not() -> None:
    assert parse_json(rb'["\ud83d\ude00", "\u00e9"]') == parse_json('["😀", "é"]'.encode()) == ["😀", "é"]
