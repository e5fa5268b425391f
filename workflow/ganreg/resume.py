"""Unfinished work that an interrupted run left, recognized by its resume key, to go on from."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ganreg import io
from ganreg.settings import canonical

LEDGER = "ledger.jsonl"


def resume_key(*parts: Any) -> str:
    """Digest of settings, code and inputs, by which unfinished work is recognized as one's own.

    Parameters
    ----------
    parts : blocks of settings, and what JSON holds
    """
    return hashlib.sha256(canonical(list(parts)).encode()).hexdigest()


def _read_ledger(path: Path) -> list[dict[str, Any]]:
    """Lines of a ledger up to one that was cut short."""
    lines = []
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_bytes().splitlines():
            lines.append(json.loads(line))
    return lines


class Part:
    """A folder that is being filled, with a ledger of the items that are finished in it.

    The ledger has the hash of each item's files: what was cut short is not taken for finished.

    Parameters
    ----------
    folder : Path
    lines : list of dict, the ledger so far, its resume key first
    name : str, shown when an item is made anew
    """

    def __init__(self, folder: Path, lines: list[dict[str, Any]], name: str) -> None:
        self.folder, self.name = folder, name
        self._items = {line["item"]: line for line in lines[1:]}
        io.write_text(folder / LEDGER, "".join(json.dumps(line) + "\n" for line in lines))

    def finished(self, item: str) -> Any:
        """What `finish` was told about an item; None where it is not finished, or its files are not as they were."""
        if item not in self._items:
            return None
        for name, digest in self._items[item]["files"].items():
            path = self.folder / name
            if not path.is_file() or io.sha256(path) != digest:
                print(f"{self.name}: {path} is not as it was written: {item} is made anew", flush=True)
                return None
        return self._items[item]["content"]

    def finish(self, item: str, paths: Iterable[Path], content: Any = ()) -> None:
        """Note that an item is finished.

        Parameters
        ----------
        item : str
        paths : iterable of Path, its files
        content : anything that JSON holds, to be given back by `finished`
        """
        files = {str(path.relative_to(self.folder)): io.sha256(path) for path in paths}
        with open(self.folder / LEDGER, "a") as stream:
            stream.write(json.dumps({"item": item, "files": files, "content": content}) + "\n")


@contextlib.contextmanager
def unfinished(output: Path, key: str, name: str) -> Iterator[Part]:
    """Yield a `Part` beside a folder `output`; it takes the place of `output` only if the block succeeds.

    What an interrupted run left there stays, to go on from; what has another key is set aside.

    Parameters
    ----------
    output : Path
    key : str, of `resume_key`
    name : str, shown when something is set aside
    """
    output = Path(output)
    folder = output.with_name(f".{output.name}.part")
    lines = _read_ledger(folder / LEDGER)
    if folder.is_dir() and lines[:1] != [{"key": key}]:
        stale = folder.with_suffix(".stale")
        shutil.rmtree(stale, ignore_errors=True)
        folder.rename(stale)
        print(f"{name}: {folder} is of another configuration, code or input: set aside", flush=True)
        lines = []
    folder.mkdir(parents=True, exist_ok=True)
    yield Part(folder, lines or [{"key": key}], name)
    (folder / LEDGER).unlink()
    if output.exists():
        shutil.rmtree(output)
    os.replace(folder, output)
