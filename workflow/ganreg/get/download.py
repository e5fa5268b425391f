"""Downloads that go on where they were cut off and appear only when they are what they should be."""

import hashlib
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
import requests

from ganreg import io
from ganreg.errors import InputError
from ganreg.progress import Progress

BLOCK = 1 << 20
# attempts without a single new byte between them
ATTEMPTS = 5
# bytes left free on the disk
SPARE = 1 << 28
# what a server says that a later attempt may find otherwise
PASSING = {408, 425, 429, 500, 502, 503, 504}
# where the checksums of files are kept for which nobody states one, as md5sum writes them
RECORD = "checksums.md5"
# a stated size is rounded: twice as much, and this, is not refused
SLACK = 1_000_000


@dataclass(frozen=True)
class Source:
    """A published data set, as a line of `resources/datasets.tsv`: where it is, on what terms, and what to cite."""

    dataset: str
    name: str
    url: str
    licence: str
    citation: str


class _Cut(Exception):
    """An attempt that ended early; a later one may succeed."""


def md5(path: Path) -> str:
    """Hexadecimal MD5 of a file's bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_addresses(datasets: Path, downloads: Path, name: str) -> tuple[Source, pd.DataFrame]:
    """Where a data set is, and on what terms.

    Parameters
    ----------
    datasets, downloads : Path
        `resources/datasets.tsv` and `resources/downloads.tsv`.
    name : str

    Returns
    -------
    source : Source
    files : pandas.DataFrame with path (under `url`), md5 ("" where nobody states one), megabytes (NaN where unknown)
    """
    table = pd.read_csv(datasets, sep="\t").set_index("dataset", drop=False)
    files = pd.read_csv(downloads, sep="\t", keep_default_na=False, na_values={"megabytes": ""})
    line: dict[str, Any] = {field.name: table.loc[name, field.name] for field in fields(Source)}
    return Source(**line), files[files["dataset"] == name]


def require_license(source: Source, accepted: bool) -> None:
    """Refuse to go on without the license; show it otherwise.

    Raises
    ------
    InputError
    """
    terms = f"{source.licence}; cite: {source.citation}"
    if not accepted:
        expected = f"the license to be accepted (accept_licence: true): {terms}"
        raise InputError(f"{source.dataset}: expected {expected}; found false")
    print(f"{source.dataset}: {terms}", flush=True)


def fetch_all(
    source: Source,
    files: pd.DataFrame,
    folder: Path,
    check: Callable[[Path], object] | None = None,
    **patience: float,
) -> list[Path]:
    """Download files of a data set, unless they are there.

    A file for which nobody states a checksum goes through `check` when it first comes; its MD5 is then recorded in
    `folder` / `RECORD` and expected from then on, so that a changed file is noticed.

    Parameters
    ----------
    source, files : as `read_addresses` gives them
    folder : Path
        The files lie in it as they do under the data set's address.
    check : as `fetch` takes it
    patience : `timeout` and `pause` of `fetch`

    Returns
    -------
    list of Path, in the order of `files`

    Raises
    ------
    InputError
        As `fetch` does.
    """
    record = Path(folder) / RECORD
    lines = record.read_text().splitlines() if record.is_file() else []
    recorded = {path: checksum for checksum, _, path in (line.partition("  ") for line in lines)}
    names, paths = list(files["path"]), [Path(folder) / path for path in files["path"]]
    for name, path, stated, megabytes in zip(names, paths, files["md5"], files["megabytes"], strict=True):
        checksum = stated or recorded.get(name)
        limit = None if math.isnan(megabytes) else int(2e6 * megabytes) + SLACK
        try:
            fetch(source.url + name, path, checksum, None if checksum else check, limit, **patience)
        except InputError as error:
            if name in recorded:
                raise InputError(f"{error}; {record} has the MD5 of the file that came first") from None
            raise
        if not checksum:
            recorded[name] = md5(path)
            io.write_text(record, "".join(f"{recorded[key]}  {key}\n" for key in sorted(recorded)))
    return paths


def fetch(
    url: str,
    path: Path,
    checksum: str | None = None,
    check: Callable[[Path], object] | None = None,
    limit: int | None = None,
    timeout: float = 60.0,
    pause: float = 2.0,
) -> None:
    """Download a file, unless it is there.

    What has come lies beside it as `.NAME.part` until it is complete, also after a failure, and is gone on with.

    Parameters
    ----------
    url : str
    path : Path
    checksum : str, MD5, or None where nobody states one
    check : callable or None
        Called with the complete file; raises an InputError if it is not what it should be.
    limit : int or None
        Bytes, of which no more are taken.
    timeout : float
        Seconds without an answer or a byte, after which an attempt is given up.
    pause : float
        Seconds before the second attempt, doubled before each further one.

    Raises
    ------
    InputError
        If the server has no such file, cannot be reached, or sends another or a larger one; if the disk is too small.
        The line says where to put the file by hand.
    """
    by_hand = f"(or put the file there by hand{f', MD5 {checksum}' if checksum else ''})"
    if path.is_file():
        if fault := _fault(path, checksum, check):
            raise InputError(f"{path}: {fault}: remove it and start again")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    _persist(url, path, part, limit, timeout, pause, by_hand)
    if fault := _fault(part, checksum, check):
        part.unlink()
        raise InputError(f"{path}: {fault}, from {url}: nothing was kept {by_hand}")
    part.replace(path)


def _fault(path: Path, checksum: str | None, check: Callable[[Path], object] | None) -> str:
    """What is wrong with a complete file, in words; an empty string where nothing is."""
    if checksum and (found := md5(path)) != checksum:
        return f"expected MD5 {checksum}, found {found}"
    try:
        if check:
            check(path)
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    return ""


def _persist(url: str, path: Path, part: Path, limit: int | None, timeout: float, pause: float, by_hand: str) -> None:
    """Attempts until `part` is complete, or `ATTEMPTS` in a row brought nothing."""
    failures = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            _attempt(url, path, part, limit, timeout, by_hand)
            return
        except (_Cut, requests.RequestException) as error:
            grown = part.is_file() and part.stat().st_size > before
            failures = 1 if grown else failures + 1
            if failures == ATTEMPTS:
                reason = str(error) or type(error).__name__
                raise InputError(f"{path}: expected a download from {url}, found {reason} {by_hand}") from None
            time.sleep(pause * 2 ** (failures - 1))


def _attempt(url: str, path: Path, part: Path, limit: int | None, timeout: float, by_hand: str) -> None:
    """One request for what is missing of `part`; raises `_Cut` or a `requests.RequestException` if not all comes."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # bytes as they lie on the server: a compressed transfer would have no ranges
    headers["Accept-Encoding"] = "identity"
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as answer:
        if answer.status_code == 416:
            # nothing is missing, or the file has become another one: the checksum tells
            return
        if answer.status_code in PASSING:
            raise _Cut(f"HTTP status {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise InputError(f"{path}: expected a file at {url}, found HTTP status {answer.status_code} {by_hand}")
        if answer.status_code == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink()
            raise _Cut(f"another range than asked for, {answer.headers.get('Content-Range')}")
        length = answer.headers.get("Content-Length")
        missing = int(length) if length else 0
        if answer.status_code == 200:
            # a page that stands in the file's place must not cost what has come
            if have and missing <= have:
                raise _Cut(f"{missing} bytes instead of the rest after {have}")
            have = 0
        if limit and have + missing > limit:
            raise _too_large(path, part, limit, url)
        free = shutil.disk_usage(path.parent).free
        if missing + SPARE > free:
            raise InputError(
                f"{path}: expected {(missing + SPARE) / 1e9:.1f} GB of free disk, found {free / 1e9:.1f} GB"
            )
        progress = Progress(f"{path.parent.name}/{path.name} (MiB)", -(-(have + missing) // BLOCK), have // BLOCK)
        with open(part, "ab" if have else "wb") as stream:
            for block in answer.iter_content(BLOCK):
                stream.write(block)
                if limit and stream.tell() > limit:
                    raise _too_large(path, part, limit, url)
                progress.step()
        progress.close()
    if length and part.stat().st_size != have + missing:
        raise _Cut(f"{part.stat().st_size} of {have + missing} bytes")


def _too_large(path: Path, part: Path, limit: int, url: str) -> InputError:
    part.unlink(missing_ok=True)
    return InputError(f"{path}: expected at most {limit / 1e6:.1f} MB from {url}, found more: nothing was kept")
