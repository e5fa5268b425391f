"""What a person sees of a run: `snakemake --logger ganreg`.

On a terminal a display of stages, jobs, time left and how trainings stand; in a log file one line a minute. Errors and
warnings are Snakemake's own. The complete log stays in .snakemake/log.
"""

import csv
import sys
import threading
import time
from logging import WARNING, LogRecord
from pathlib import Path

from rich.console import Console
from rich.live import Live
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_ganreg.course import Course

EXPECTED = Path(__file__).resolve().parents[2] / "benchmarks" / "rule_seconds.csv"
LINE_EVERY_SECONDS = 60


def expected_seconds() -> dict[str, float]:
    """Rule -> core seconds of a job on another machine: how rules compare, not how long they take here."""
    if not EXPECTED.is_file():
        return {}
    with EXPECTED.open(encoding="utf-8") as stream:
        return {row["rule"]: float(row["core_seconds"]) for row in csv.DictReader(stream)}


class LogHandler(LogHandlerBase):
    """Snakemake's stream handler, for people."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        self.course = Course(expected_seconds(), time.monotonic)
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.live: Live | None = None
        self.closed = threading.Event()

    def emit(self, record: LogRecord) -> None:
        event, given = getattr(record, "event", None), record.__dict__
        if self.common_settings.dryrun:
            self.console.print(self.format(record), markup=False)
        elif event == LogEvent.RUN_INFO:
            self.course.plan(given["stats"])
            self._begin()
        elif event == LogEvent.JOB_INFO:
            self.course.start(given["jobid"], given["rule_name"], dict(given["wildcards"]), given["log"])
        elif event == LogEvent.JOB_FINISHED:
            self.course.finish(given["job_id"])
        elif event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR) or record.levelno >= WARNING:
            self.console.print(self.format(record), markup=False)
            if event == LogEvent.JOB_ERROR:
                self.course.finish(given["jobid"], done=False)
        elif event is None and record.getMessage().startswith("Nothing to be done"):
            self.console.print("Nothing to do: all results are up to date.")

    def _begin(self) -> None:
        if self.console.is_terminal:
            self.live = Live(get_renderable=self.course.display, console=self.console, refresh_per_second=2)
            self.live.start()
        else:
            threading.Thread(target=self._write_lines, daemon=True).start()

    def _write_lines(self) -> None:
        while not self.closed.wait(LINE_EVERY_SECONDS):
            self.console.print(self.course.line(), markup=False)

    def close(self) -> None:
        """Say how the run ended."""
        if not self.closed.is_set() and self.course.planned:
            self.closed.set()
            if self.live:
                self.live.stop()
            self.console.print(self.course.ending(), markup=False)
        super().close()
        sys.stderr.flush()
