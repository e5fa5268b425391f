"""Progress of long work, on a terminal and in a log, and unfinished work that an interrupted run left to go on from."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

from tqdm import tqdm

from ganreg import io

LOG_EVERY_SECONDS = 60
LEDGER = "ledger.jsonl"


def mark_of(*parts):
    """Digest of options, code and inputs, by which unfinished work is recognised as one's own."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _read_ledger(path):
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
    lines : list of dict, the ledger so far, its mark first
    name : str, shown when an item is made anew
    """

    def __init__(self, folder, lines, name):
        self.folder, self.name = folder, name
        self._items = {line["item"]: line for line in lines[1:]}
        io.write_text(folder / LEDGER, "".join(json.dumps(line) + "\n" for line in lines))

    def finished(self, item):
        """What `finish` was told about an item; None where it is not finished, or its files are not as they were."""
        if item not in self._items:
            return None
        for name, digest in self._items[item]["files"].items():
            path = self.folder / name
            if not path.is_file() or io.sha256(path) != digest:
                print(f"{self.name}: {path} is not as it was written: {item} is made anew", flush=True)
                return None
        return self._items[item]["content"]

    def finish(self, item, paths, content=()):
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
def unfinished(output, mark, name):
    """Yield a `Part` beside a folder `output`; it takes the place of `output` only if the block succeeds.

    What an interrupted run left there stays, to go on from; what has another mark is set aside.

    Parameters
    ----------
    output : Path
    mark : str, of `mark_of`
    name : str, shown when something is set aside
    """
    output = Path(output)
    folder = output.with_name(f".{output.name}.part")
    lines = _read_ledger(folder / LEDGER)
    if folder.is_dir() and lines[:1] != [{"mark": mark}]:
        stale = folder.with_suffix(".stale")
        shutil.rmtree(stale, ignore_errors=True)
        folder.rename(stale)
        print(f"{name}: {folder} is of another configuration, code or input: set aside", flush=True)
        lines = []
    folder.mkdir(parents=True, exist_ok=True)
    yield Part(folder, lines or [{"mark": mark}], name)
    (folder / LEDGER).unlink()
    if output.exists():
        shutil.rmtree(output)
    os.replace(folder, output)


class Progress:
    """A bar on a terminal; in a log, one line a minute with the loss and the time left."""

    def __init__(self, name, total, done=0):
        self.name, self.total, self.began, self.done = name, total, time.monotonic(), done
        self.first, self.logged = done, time.monotonic()
        self.bar = tqdm(total=total, initial=done, desc=name) if sys.stderr.isatty() else None

    def step(self, **values):
        """Count one step and show the values beside it."""
        self.done += 1
        text = " ".join(f"{key}={value:.4f}" for key, value in values.items())
        if self.bar:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update()
        elif time.monotonic() - self.logged > LOG_EVERY_SECONDS or self.done == self.total:
            elapsed = time.monotonic() - self.began
            left = elapsed / (self.done - self.first) * (self.total - self.done)
            print(f"{self.name}: {self.done}/{self.total} {text} {elapsed:.0f} s, {left:.0f} s left", flush=True)
            self.logged = time.monotonic()

    def close(self):
        """Leave the bar as it stands."""
        if self.bar:
            self.bar.close()
