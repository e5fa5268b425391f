"""Downloads that go on where they were cut off and appear only when their checksum is right."""

import hashlib
import shutil
import time
from pathlib import Path

import requests

from ganreg.errors import InputError
from ganreg.progress import Progress

BLOCK = 1 << 20
# attempts without a single new byte between them
ATTEMPTS = 5
# bytes left free on the disk
SPARE = 1 << 28
# what a server says that a later attempt may find otherwise
PASSING = {408, 425, 429, 500, 502, 503, 504}


class _Cut(Exception):
    """An attempt that ended early; a later one may succeed."""


def md5(path):
    """Hexadecimal MD5 of a file's bytes."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def fetch(url, path, checksum, timeout=60.0, pause=2.0):
    """Download a file, unless it is there.

    What has come lies beside it as `.NAME.part` until it is complete, also after a failure, and is gone on with.

    Parameters
    ----------
    url : str
    path : Path
    checksum : str, MD5
    timeout : float
        Seconds without an answer or a byte, after which an attempt is given up.
    pause : float
        Seconds before the second attempt, doubled before each further one.

    Raises
    ------
    InputError
        If the server has no such file, cannot be reached, or sends another one; if the disk is too small. The line says
        where to put the file by hand.
    """
    path = Path(path)
    by_hand = f"(or put the file there by hand, MD5 {checksum})"
    if path.is_file():
        if (found := md5(path)) != checksum:
            raise InputError(f"{path}: expected MD5 {checksum}, found {found}: remove it and start again")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    failures = 0
    while True:
        before = part.stat().st_size if part.is_file() else 0
        try:
            _attempt(url, path, part, timeout, by_hand)
            break
        except (_Cut, requests.RequestException) as error:
            grown = part.is_file() and part.stat().st_size > before
            failures = 1 if grown else failures + 1
            if failures == ATTEMPTS:
                reason = str(error) or type(error).__name__
                raise InputError(f"{path}: expected a download from {url}, found {reason} {by_hand}") from None
            time.sleep(pause * 2 ** (failures - 1))
    if (found := md5(part)) != checksum:
        part.unlink()
        raise InputError(f"{path}: expected MD5 {checksum} from {url}, found {found}: nothing was kept {by_hand}")
    part.replace(path)


def _attempt(url, path, part, timeout, by_hand):
    """One request for what is missing of `part`; raises `_Cut` or a `requests.RequestException` if it is not all."""
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
        free = shutil.disk_usage(path.parent).free
        if missing + SPARE > free:
            raise InputError(
                f"{path}: expected {(missing + SPARE) / 1e9:.1f} GB of free disk, found {free / 1e9:.1f} GB"
            )
        progress = Progress(f"{path.name} (MiB)", -(-(have + missing) // BLOCK), have // BLOCK)
        with open(part, "ab" if have else "wb") as stream:
            for block in answer.iter_content(BLOCK):
                stream.write(block)
                progress.step()
        progress.close()
    if length and part.stat().st_size != have + missing:
        raise _Cut(f"{part.stat().st_size} of {have + missing} bytes")
