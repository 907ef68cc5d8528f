"""Files of a few kilobytes, or of none on disk, that ask for gigabytes; run as a program, it reads them under limits.

Each is read with at most 5 s of processor time and 1 GB of memory more than the imports took. The limits are the
kernel's: whoever exceeds the first is killed, whoever exceeds the second gets a MemoryError.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

GIANT = 7_700_000_000  # bytes
SECONDS, MEMORY = 5, 10**9
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def make_bombs(folder: Path) -> None:
    """Write all of them."""
    small, large = (header_of(shape) for shape in ((8, 8, 8), (2000, 2000, 2000)))
    zeros = gzip.compress(bytes(2**26), 9)  # 64 KiB
    (folder / "small.nii.gz").write_bytes(gzip.compress(small) + 10 * zeros)
    (folder / "large.nii.gz").write_bytes(gzip.compress(large) + 60 * zeros)
    sparse(folder / "small.nii", small)
    sparse(folder / "large.nii", large)
    sound = np.random.default_rng(0).uniform(1, 2, (8, 8, 8)).astype(np.float32)
    nib.save(nib.Nifti1Image(sound, np.eye(4)), folder / "sound.nii")
    for name in ("m.csv", "m.json", "dataset.json", "splits.json"):
        sparse(folder / name, b"[")
    columns = {f"column{number}": "" for number in range(900)}
    (folder / "wide.json").write_text(json.dumps([columns, *([{}] * 99_000)]))
    (folder / "deep.json").write_text("[" * 10**6)
    (folder / "line.csv").write_text("subject,center,DWI\n" + "x," * 2**22)
    (folder / "long.csv").write_text("subject,center,DWI\n" + "s,A,d\n" * 2_000_000)
    (folder / "search_space").mkdir()
    (folder / "search_space" / "laughs.yaml").write_text(LAUGHS)
    sparse(folder / "search_space" / "giant.yaml", b"a: 1\n")


def header_of(shape: tuple[int, int, int]) -> bytes:
    """A NIfTI header of 352 bytes."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape(shape)
    header.set_sform(np.eye(4), code=1)
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + bytes(4)


def sparse(path: Path, begin: bytes) -> None:
    """A file of 7.7 GB that takes one block of the disk."""
    path.write_bytes(begin)
    os.truncate(path, GIANT)


def readers(folder: Path) -> dict[str, Callable[[], object]]:
    """What is read, by name."""
    from study.cohort import load_cohort, split_cohort
    from study.cohort.records import Cohort, Subject
    from study.commandline.bounded_yaml import load_yaml
    from study.commandline.composition import compose
    from study.config import validate
    from study.imaging.cache import prepare_cohort
    from study.imaging.protocol import ImagingProtocol
    from study.imaging.read import read_volume

    def cohort(**section: object) -> Callable[[], object]:
        content = {"modalities": ["DWI", "ADC"], "unseen": [], **section}
        config = validate({"study": {"name": "x"}, "cohort": content, "modality_dropout": {"droppable": []}})
        return lambda: load_cohort(config.cohort, folder)

    files = {"DWI": folder / "sound.nii", "ADC": folder / "small.nii"}
    people = Cohort((Subject("s", "p", "A", "A-0001", files, {}),))
    fixed = {"kind": "fixed", "path": str(folder / "splits.json")}
    splits = validate({"study": {"name": "x"}, "cohort": {"splits": fixed, "unseen": []}}).cohort
    protocol = ImagingProtocol(("DWI", "ADC"), None, "none", validate({"study": {"name": "x"}}).imaging)
    own = ["--config-dir", str(folder)]
    scans = ("small.nii.gz", "large.nii.gz", "small.nii", "large.nii")
    tables = ("m.csv", "m.json", "wide.json", "deep.json", "line.csv", "long.csv")
    return {
        **{name: lambda name=name: read_volume(folder / name, "s") for name in scans},
        "cache": lambda: prepare_cohort(people, ["A-0001"], protocol, folder / "cache", (1, 1, 1)),
        **{name: cohort(sources=["manifest"], path=folder / name) for name in tables},
        "dataset.json": cohort(sources=["nnunet"], nnunet={"root": folder}),
        "splits.json": lambda: split_cohort(people, splits),
        "laughs.yaml": lambda: compose([*own, "search_space=laughs"]),
        "giant.yaml": lambda: compose([*own, "search_space=giant"]),
        "postprocess laughs.yaml": lambda: load_yaml(folder / "search_space" / "laughs.yaml"),
    }


def main(folder: Path) -> None:
    """Read all of them; print a JSON line with the outcome of each."""
    import scipy.ndimage  # noqa: F401  imports are not measured

    import study.imaging.prepare  # noqa: F401
    from study.errors import FadeoutError

    todo = readers(folder)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY))
    for name, read in todo.items():
        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = int(used.ru_utime + used.ru_stime) + 1 + SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        try:
            read()
            outcome = "read"
        except FadeoutError as error:
            outcome = f"{type(error).__name__}: {error}"
        sys.stdout.write(json.dumps([name, outcome]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
