"""What a person sees of a run."""

import io
import logging
import sys
import threading
from types import SimpleNamespace

import pytest
from conftest import read_workflow
from rich.console import Console
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_ganreg as plugin
from ganreg.progress import Progress
from snakemake_logger_plugin_ganreg.course import STAGES, Course, duration, stage_of


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def course(clock):
    course = Course({"train": 100, "plot": 2}, clock)
    course.plan({"train": 4, "plot": 10, "total": 15, "all": 1})
    return course


def left(course):
    return course.moment().seconds_left(course.expected)


def run(course, clock, number, rule, seconds):
    course.start(number, rule, {}, [])
    clock.now += seconds
    course.finish(number)


def test_nothing_is_said_of_the_time_left_before_a_job_is_done(course, clock):
    clock.now += 50
    assert left(course) is None
    assert course.summary(course.moment()) == "0 of 14 jobs"


def test_rules_that_have_run_take_what_they_took_and_the_others_as_much_longer_as_those_did(course, clock):
    # half as fast as elsewhere
    run(course, clock, 1, "plot", 4)
    assert left(course) == pytest.approx(9 * 4 + 4 * 200)
    run(course, clock, 2, "train", 120)
    assert left(course) == pytest.approx(9 * 4 + 3 * 120)
    assert course.summary(course.moment()) == "2 of 14 jobs, about 7 min left"


def test_jobs_side_by_side_halve_the_time_left(course, clock):
    for first in (1, 3):
        course.start(first, "plot", {}, [])
        course.start(first + 1, "plot", {}, [])
        clock.now += 5
        course.finish(first)
        course.finish(first + 1)
    assert left(course) == pytest.approx((6 * 5 + 4 * 100 * 5 / 2) / 2)


def test_what_a_running_job_has_done_is_not_ahead(course, clock):
    run(course, clock, 1, "train", 100)
    before = left(course)
    course.start(2, "train", {}, [])
    clock.now += 60
    assert left(course) == pytest.approx(before - 60)
    # one that takes longer than the others may end any moment
    clock.now += 1000
    assert left(course) == pytest.approx(2 * 100 + 10 * 2)


def test_a_running_job_shows_the_last_state_of_its_log(course, tmp_path):
    log = tmp_path / "fold1.log"
    course.start(1, "train", {"fold": "1", "set": ""}, [str(log)])
    assert course.line().endswith("running: train fold 1")
    log.write_text(
        "unet fold 1: 10/100 loss=0.5000 3 s, 30 s left\nunet fold 1: 20/100 loss=0.4000 6 s, 24 s left\nwarning\n"
    )
    assert course.line().endswith("running: train fold 1 (20/100 loss=0.4000)")
    assert "  train fold 1  20/100 loss=0.4000" in course.display()


def test_every_rule_of_the_workflow_has_a_stage_and_every_stage_a_rule(root):
    with read_workflow(root, "presets/smoke.yaml") as workflow:
        stages = {rule.name: stage_of(rule.name) for rule in workflow.rules if rule.shellcmd}
    assert {*stages.values()} == {*STAGES} - {"other"}
    named = ("train_rdnn", "train_pgan", "train_unet", "sample_transforms")
    assert [stages[rule] for rule in named] == ["segmentation", "synthesis", "registration", "evaluation"]


def test_a_log_line_of_the_project_is_understood(course, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    progress = Progress("unet fold 1", 1)
    progress.step(loss=0.25)
    log = tmp_path / "fold1.log"
    log.write_text(capsys.readouterr().out)
    course.start(1, "train", {}, [str(log)])
    assert course.line().endswith("running: train (1/1 loss=0.2500)")


def test_one_thread_shows_what_another_one_notes(course):
    failures = []

    def show():
        try:
            for _ in range(300):
                course.display()
        except RuntimeError as error:
            failures.append(error)

    thread = threading.Thread(target=show)
    thread.start()
    number = 0
    while thread.is_alive():
        number += 1
        course.start(number, f"plot_{number}", {}, [])
        course.finish(number, done=number % 2 == 0)
    assert failures == []


@pytest.mark.parametrize(("seconds", "words"), [(20, "20 s"), (150, "2 min"), (6000, "1.7 h")])
def test_durations_are_words(seconds, words):
    assert duration(seconds) == words


@pytest.fixture
def handler():
    handler = plugin.LogHandler(SimpleNamespace(dryrun=False), None)
    handler.console = Console(file=io.StringIO(), width=200)
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def record(message, level=logging.INFO, **given):
    made = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    made.__dict__.update(given)
    return made


def test_a_log_has_errors_and_the_ending_and_no_chatter(handler):
    handler.emit(record("table", event=LogEvent.RUN_INFO, stats={"train": 2, "total": 2}))
    handler.emit(record("Execute 1 jobs...", event=LogEvent.JOB_STARTED, jobs=[1]))
    handler.emit(record("", event=LogEvent.JOB_INFO, jobid=1, rule_name="train", wildcards={"fold": "1"}, log=[]))
    handler.emit(record("Finished jobid: 1", event=LogEvent.JOB_FINISHED, job_id=1))
    handler.emit(record("", event=LogEvent.JOB_INFO, jobid=2, rule_name="train", wildcards={"fold": "2"}, log=[]))
    handler.emit(record("Error in rule train", logging.ERROR, event=LogEvent.JOB_ERROR, jobid=2))
    assert handler.course.moment().running == ()
    handler.close()
    handler.close()
    written = handler.console.file.getvalue().splitlines()
    assert written[0] == "Error in rule train"
    assert [line.split(". ")[0] for line in written[1:]] == ["Stopped after 1 of 2 jobs, 0 s"]


def test_a_run_to_the_end_says_so(handler):
    handler.emit(record("table", event=LogEvent.RUN_INFO, stats={"train": 1, "total": 1}))
    handler.emit(record("", event=LogEvent.JOB_INFO, jobid=1, rule_name="train", wildcards={}, log=[]))
    handler.emit(record("", event=LogEvent.JOB_FINISHED, job_id=1))
    handler.close()
    assert handler.console.file.getvalue().splitlines() == ["1 jobs done in 0 s."]
