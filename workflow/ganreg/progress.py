"""Progress of long work, on a terminal and in a log, and the mark by which unfinished work is recognised."""

import contextlib
import hashlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

from tqdm import tqdm

LOG_EVERY_SECONDS = 60


def mark_of(*parts):
    """Digest of options, code and inputs, by which unfinished work is recognised as one's own."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@contextlib.contextmanager
def unfinished(output, mark, name):
    """Yield a folder beside a folder `output` to fill; it takes the place of `output` only if the block succeeds.

    What an interrupted run left there stays, to go on from; what has another mark is set aside.

    Parameters
    ----------
    output : Path
    mark : str, of `mark_of`
    name : str, shown when something is set aside
    """
    output = Path(output)
    part = output.with_name(f".{output.name}.part")
    stamp = part / "mark"
    if part.is_dir() and (not stamp.is_file() or stamp.read_text() != mark):
        stale = part.with_suffix(".stale")
        shutil.rmtree(stale, ignore_errors=True)
        part.rename(stale)
        print(f"{name}: {part} is of another configuration, code or input: set aside", flush=True)
    part.mkdir(parents=True, exist_ok=True)
    stamp.write_text(mark)
    yield part
    stamp.unlink()
    if output.exists():
        shutil.rmtree(output)
    os.replace(part, output)


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
