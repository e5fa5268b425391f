"""Progress of long work, on a terminal and in a log."""

import sys
import time

from tqdm import tqdm

LOG_EVERY_SECONDS = 60


class Progress:
    """A bar on a terminal; in a log, one line a minute with the loss and the time left."""

    def __init__(self, name: str, total: int, done: int = 0) -> None:
        self.name, self.total, self.began, self.done = name, total, time.monotonic(), done
        self.first, self.logged = done, time.monotonic()
        self.bar = tqdm(total=total, initial=done, desc=name) if sys.stderr.isatty() else None

    def step(self, **values: float) -> None:
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

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self.bar:
            self.bar.close()
