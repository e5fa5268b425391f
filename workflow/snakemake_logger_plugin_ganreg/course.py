"""The course of a run: what is planned, runs and is done, and how long the rest will take on this machine."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# what a line of `ganreg.progress.Progress` says in a job's log
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
    "synthesis": (
        "train_pgan",
        "train_dagan",
        "sample_pgan",
        "sample_dagan",
        "sample_warped",
        "sample_random",
        "estimate_",
    ),
    "registration": ("pretrain_", "train_", "register_"),
    "evaluation": ("measure_", "evaluate_", "collect_", "sample_transforms"),
    "tables and figures": ("report_", "plot_", "write_"),
    "other": ("",),
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
    """In words: seconds, minutes, hours from 90 minutes on."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


@dataclass(frozen=True)
class Moment:
    """A run as it is now.

    Attributes
    ----------
    planned : dict, rule -> number of jobs
    seconds : dict, rule -> what each job that is done took
    running : list of Job
    now : float
    began : float
    """

    planned: Mapping[str, int]
    seconds: Mapping[str, Sequence[float]]
    running: Sequence[Job]
    now: float
    began: float

    def done(self, rule: str) -> int:
        """Jobs of a rule that are done."""
        return len(self.seconds.get(rule, ()))

    def seconds_left(self, expected: Mapping[str, float]) -> float | None:
        """Until the end, as jobs have taken here so far; None before any is done.

        Jobs of rules of which none is done take as much longer than `expected` as those that are done did.
        """
        measured = sum(sum(each) for each in self.seconds.values())
        elsewhere = sum(expected.get(rule, UNKNOWN_SECONDS) * len(each) for rule, each in self.seconds.items())
        elapsed = self.now - self.began
        if not elsewhere or not elapsed:
            return None

        def mean(rule: str) -> float:
            if own := self.seconds.get(rule):
                return sum(own) / len(own)
            return expected.get(rule, UNKNOWN_SECONDS) * measured / elsewhere

        left = sum(mean(rule) * (count - self.done(rule)) for rule, count in self.planned.items())
        spent = [self.now - job.began for job in self.running]
        left -= sum(min(seconds, mean(job.rule)) for seconds, job in zip(spent, self.running, strict=True))
        at_once = (measured + sum(spent)) / elapsed
        return max(left, 0.0) / max(at_once, 1.0)


class Course:
    """Jobs of a run by rule. One thread notes what happens while another one shows it.

    Parameters
    ----------
    expected : dict, rule -> seconds of a job on another machine
    clock : function without arguments -> seconds
    """

    def __init__(self, expected: Mapping[str, float], clock: Callable[[], float]) -> None:
        self.expected, self.clock, self.began = expected, clock, clock()
        self.planned: dict[str, int] = {}
        self.running: dict[int, Job] = {}
        self.seconds: dict[str, list[float]] = {}
        self.lock = threading.Lock()

    def plan(self, jobs: Mapping[str, int]) -> None:
        """Take the numbers of jobs by rule."""
        with self.lock:
            self.planned = {rule: count for rule, count in jobs.items() if rule not in ("total", "all")}
            self.began = self.clock()

    def start(self, number: int, rule: str, wildcards: Mapping[str, str], logs: Sequence[str]) -> None:
        """Note that a job has begun."""
        words = " ".join([rule, *(f"{name} {value}" for name, value in wildcards.items() if value)])
        with self.lock:
            self.running[number] = Job(rule, words, logs, self.clock())

    def finish(self, number: int, done: bool = True) -> None:
        """Note that a job has ended, done or not."""
        with self.lock:
            job = self.running.pop(number, None)
            if job and done:
                self.seconds.setdefault(job.rule, []).append(self.clock() - job.began)

    def moment(self) -> Moment:
        """The run as it is now."""
        with self.lock:
            seconds = {rule: tuple(each) for rule, each in self.seconds.items()}
            return Moment(self.planned, seconds, tuple(self.running.values()), self.clock(), self.began)

    def summary(self, moment: Moment) -> str:
        """Jobs done of all, and the time left."""
        done, left = sum(map(moment.done, moment.planned)), moment.seconds_left(self.expected)
        of_all = f"{done} of {sum(moment.planned.values())} jobs"
        return of_all if left is None else f"{of_all}, about {duration(left)} left"

    def line(self) -> str:
        """All in one line, for a log."""
        moment = self.moment()
        jobs = (f"{job.words} ({state})" if (state := job.state()) else job.words for job in moment.running)
        running = ", ".join(jobs) or "nothing"
        return f"{duration(moment.now - moment.began)}: {self.summary(moment)}; running: {running}"

    def display(self) -> str:
        """Stages, the whole, and the jobs that run, for a terminal."""
        moment, lines = self.moment(), []
        for stage in STAGES:
            rules = [rule for rule in moment.planned if stage_of(rule) == stage]
            done, count = sum(map(moment.done, rules)), sum(moment.planned[rule] for rule in rules)
            if count:
                filled = BAR * done // count
                lines.append(f"{stage:20}{'█' * filled}{'░' * (BAR - filled)} {done} of {count}")
        lines += [self.summary(moment), *(f"  {job.words}  {job.state()}" for job in moment.running)]
        return "\n".join(lines)

    def ending(self) -> str:
        """What is to say at the end."""
        moment = self.moment()
        done, total = sum(map(moment.done, moment.planned)), sum(moment.planned.values())
        taken = duration(moment.now - moment.began)
        if done >= total:
            return f"{total} jobs done in {taken}."
        kept = "What is done is kept, trainings go on from their last checkpoint: the same command goes on."
        return f"Stopped after {done} of {total} jobs, {taken}. {kept}"
