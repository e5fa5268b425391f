"""The course of a run: what is planned, runs and is done, and how long the rest will take on this machine."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# what a line of `ganreg.progress.Progress` says in a job's log, and a bar on a terminal does not
STATE = re.compile(r": (?P<state>\d+/\d+ .*) \d+ s, \d+ s left$")
UNKNOWN_SECONDS = 3.0
BAR = 30
# stage -> how the names of its rules begin; the first that fits
STAGES = {
    "data": ("get_", "list_", "make_"),
    "preprocessing": (
        "align_",
        "normalize_",
        "resample_",
        "correct_",
        "extract_",
        "propagate_",
        "augment_",
        "degrade_",
    ),
    "segmentation": ("train_rdnn", "segment_"),
    "synthesis": ("train_pgan", "train_dagan", "sample_", "estimate_"),
    "registration": ("pretrain_", "train_", "register_"),
    "evaluation": ("measure_", "evaluate_", "collect_"),
    "tables and figures": ("",),
}


@dataclass(frozen=True)
class Job:
    """A job that runs."""

    rule: str
    words: str
    logs: Sequence[str]
    began: float

    def state(self) -> str:
        """The last line of progress in its log: steps, and losses where it trains."""
        for path in self.logs:
            try:
                text = Path(path).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            for line in reversed(text.splitlines()[-20:]):
                if found := STATE.search(line):
                    return found["state"].strip()
        return ""


def stage_of(rule: str) -> str:
    """The stage that a rule belongs to."""
    return next(stage for stage, beginnings in STAGES.items() if rule.startswith(beginnings))


def duration(seconds: float) -> str:
    """In words: minutes, hours from 90 minutes on."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


class Course:
    """Jobs of a run by rule.

    Parameters
    ----------
    expected : dict, rule -> seconds of a job on another machine
    clock : function without arguments -> seconds
    """

    def __init__(self, expected: Mapping[str, float], clock: Callable[[], float]) -> None:
        self.expected, self.clock, self.began = expected, clock, clock()
        self.planned: dict[str, int] = {}
        self.running: dict[int, Job] = {}
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Take the numbers of jobs by rule."""
        self.planned = {rule: count for rule, count in jobs.items() if rule not in ("total", "all")}
        self.began = self.clock()

    def start(self, number: int, rule: str, wildcards: Mapping[str, str], logs: Sequence[str]) -> None:
        """Note that a job has begun."""
        words = " ".join([rule, *(f"{name} {value}" for name, value in wildcards.items() if value)])
        self.running[number] = Job(rule, words, logs, self.clock())

    def finish(self, number: int) -> None:
        """Note that a job is done."""
        if job := self.running.pop(number, None):
            self.seconds[job.rule].append(self.clock() - job.began)

    @property
    def done(self) -> int:
        return sum(len(self.seconds[rule]) for rule in self.planned)

    @property
    def total(self) -> int:
        return sum(self.planned.values())

    def _expected(self, rule: str) -> float:
        return self.expected.get(rule, UNKNOWN_SECONDS)

    def seconds_left(self) -> float | None:
        """Until the end, as jobs have taken here so far; None before any is done.

        Jobs of rules of which none is done take as much longer than elsewhere as those that are done did.
        """
        measured = sum(sum(each) for each in self.seconds.values())
        elsewhere = sum(self._expected(rule) * len(each) for rule, each in self.seconds.items())
        elapsed = self.clock() - self.began
        if not elsewhere or not elapsed:
            return None

        def mean(rule: str) -> float:
            own = self.seconds[rule]
            return sum(own) / len(own) if own else self._expected(rule) * measured / elsewhere

        left = sum(mean(rule) * (count - len(self.seconds[rule])) for rule, count in self.planned.items())
        spent = {number: self.clock() - job.began for number, job in self.running.items()}
        left -= sum(min(seconds, mean(self.running[number].rule)) for number, seconds in spent.items())
        at_once = (measured + sum(spent.values())) / elapsed
        return max(left, 0.0) / max(at_once, 1.0)

    def summary(self) -> str:
        """Jobs done of all, and the time left."""
        left = self.seconds_left()
        return f"{self.done} of {self.total} jobs" + ("" if left is None else f", about {duration(left)} left")

    def line(self) -> str:
        """All in one line, for a log."""
        jobs = (f"{job.words} ({state})" if (state := job.state()) else job.words for job in self.running.values())
        return f"{duration(self.clock() - self.began)}: {self.summary()}; running: {', '.join(jobs) or 'nothing'}"

    def display(self) -> str:
        """Stages, the whole, and the jobs that run, for a terminal."""
        lines = []
        stages: dict[str, list[int]] = {stage: [0, 0] for stage in STAGES}
        for rule, count in self.planned.items():
            stages[stage_of(rule)][0] += len(self.seconds[rule])
            stages[stage_of(rule)][1] += count
        for stage, (done, count) in stages.items():
            if count:
                filled = BAR * done // count
                lines.append(f"{stage:20}{'█' * filled}{'░' * (BAR - filled)} {done} of {count}")
        lines += [self.summary(), *(f"  {job.words}  {job.state()}" for job in self.running.values())]
        return "\n".join(lines)

    def ending(self) -> str:
        """What is to say at the end."""
        taken = duration(self.clock() - self.began)
        if self.done >= self.total:
            return f"{self.total} jobs done in {taken}."
        kept = "What is done is kept, trainings go on from their last checkpoint: the same command goes on."
        return f"Stopped after {self.done} of {self.total} jobs, {taken}. {kept}"
