"""CSV, TSV and JSON as people write them."""

from __future__ import annotations

import pytest

from study.cohort.table import read_table
from study.errors import CohortError

EXPECTED = [{"subject": "s1", "DWI": "a b.nii"}, {"subject": "s2", "DWI": ""}]


@pytest.mark.parametrize(
    "content",
    [
        b"subject,DWI\ns1,a b.nii\ns2,\n",
        b"subject;DWI\r\ns1;a b.nii\r\ns2;\r\n",
        b"subject\tDWI\ns1\ta b.nii\ns2\t\n",
        b"\xef\xbb\xbfsubject,DWI\ns1,a b.nii\ns2,",
        "subject\tDWI\r\ns1\ta b.nii\r\ns2\t\r\n".encode("utf-16"),
        b"subject,DWI\rs1,a b.nii\rs2,\r",
        b'\n subject , DWI \n\n s1 ,"a b.nii"\n,\ns2,\n\n',
        b"subject,DWI,,\ns1,a b.nii,,\ns2,,,\n",
    ],
    ids=["comma", "semicolon", "tab", "bom", "utf16", "old-mac", "blanks", "trailing-delimiters"],
)
def test_every_usual_csv_is_read_alike(tmp_path, content):
    path = tmp_path / "cohort.csv"
    path.write_bytes(content)
    table = read_table(path)
    assert table.columns == ("subject", "DWI")
    assert [row.cells for row in table.rows] == EXPECTED


def test_json_is_read_like_csv(tmp_path):
    path = tmp_path / "cohort.json"
    path.write_text('[{"subject": "s1", "DWI": "a b.nii"}, {"subject": "s2", "DWI": null}]')
    assert [row.cells for row in read_table(path).rows] == EXPECTED


def test_json_keys_that_are_left_out_are_empty_and_numbers_are_text(tmp_path):
    path = tmp_path / "cohort.JSON"
    path.write_text('[{"subject": 7}, {"DWI": "x.nii", "subject": "8"}]')
    assert [row.cells for row in read_table(path).rows] == [
        {"subject": "7", "DWI": ""},
        {"subject": "8", "DWI": "x.nii"},
    ]


def test_rows_know_their_line_in_the_file(tmp_path):
    path = tmp_path / "cohort.csv"
    path.write_text('subject,note\n\n"s1","two\nlines"\ns2,\n')
    assert [row.where for row in read_table(path).rows] == ["line 4", "line 5"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"subject,DWI\n", "no subject in it"),
        ("a.csv", b"subject,DWI,DWI\ns1,a,b\n", "column 'DWI' appears 2 times"),
        ("a.csv", b"subject,,DWI\ns1,a,b\n", "column 2 has no name"),
        ("a.csv", b"subject,DWI\ns1\n", "line 2 has 1 cells where the header has 2"),
        ("a.csv", b"subject,DWI\ns1,a,b\n", "line 2 has 3 cells where the header has 2"),
        ("a.csv", b'subject,DWI\ns1,"a\n', "line 2 is malformed"),
        ("a.csv", b"subject,center\ns1,A\ns2,Z\xfcrich\n", "line 3 is not UTF-8"),
        ("a.csv", b"PK\x03\x04\x00\x00", "is a binary file"),
        ("a.json", b"[{]", "is not JSON"),
        ("a.json", b"{}", "is not a list of objects"),
        ("a.json", b"[1]", "is not a list of objects"),
        ("a.json", b"[]", "no subject in it"),
        ("a.json", b'[{"subject": "a", "subject": "b"}]', "key 'subject' appears twice"),
        ("a.json", b'[{"subject": {"id": 1}}]', "entry 1: subject is {'id': 1}"),
        ("a.json", b'[{"subject": 1.5}]', "entry 1: subject is 1.5"),
        ("a.json", b'[{"subject": true}]', "entry 1: subject is True"),
        ("a.json", b'[{"control": 0.5}]', "entry 1: control is 0.5"),
    ],
)
def test_malformed_table_is_refused_with_file_and_place(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CohortError) as error:
        read_table(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_all_mistakes_of_a_table_are_told_at_once(tmp_path):
    path = tmp_path / "cohort.csv"
    path.write_text("subject,DWI,DWI\ns1\ns2,a,b,c\n")
    with pytest.raises(CohortError) as error:
        read_table(path)
    assert len(error.value.problems) == 3


def test_absent_table_and_folder_are_refused(tmp_path):
    with pytest.raises(CohortError, match="file is missing"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(CohortError, match="cannot be read"):
        read_table(tmp_path)
