"""What the reader promises for any log at all, and the marks of a run's life."""

from __future__ import annotations

import itertools
import json

import pytest
from event_reading import feed, kinds, read
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events import KINDS, WANTED, EventReader, first_cause, is_noise, noise_literals
from monitor.events.marks import ranges
from rules.observation import Observation

PIECES = st.sampled_from(
    [
        b"Traceback (most recent call last):",
        b'  File "a.py", line 1, in <module>',
        b"RuntimeError: x",
        b"KeyError: 'a'",
        b"[rank3]: ",
        b"3: ",
        b"step 7",
        b"slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2025-01-01T00:00:00 ***",
        b"Killed",
        b"missing keys: 8",
        b"Missing keys:\n  - a.b",
        b"KeyboardInterrupt",
        b"DUE TO JOB REQUEUE ***",
        b"Initializing distributed: GLOBAL_RANK: 3, MEMBER: 4/256",
        b"CUDA out of memory",
        b"\xff\xfe",
        b"\x00",
        b"\x1b[31m",
        b"saving model to 'x'",
        b"During handling of the above exception, another exception occurred:",
        b"  host      : n1",
        b"  rank      : 3",
        b"  exitcode  : -9 (pid: 1)",
        b"a | MISSING | ",
    ]
)
LOGS = st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=40).map(lambda parts: b"\n".join(parts))


@settings(max_examples=300, deadline=None)
@given(LOGS)
def test_any_log_gives_known_kinds_bounded_and_jsonable(log):
    reader = EventReader()
    for event in read(log, reader):
        assert event.kind in KINDS
        assert set(event.fields) <= set(KINDS[event.kind][1])
        assert event.text.isprintable()
        assert len(event.text) <= 300
        json.dumps(dict(event.fields))
    assert len(json.dumps(reader.state())) < 200_000


@settings(max_examples=200, deadline=None)
@given(LOGS, st.integers(0, 40))
def test_a_restored_reader_says_the_same(log, cut):
    lines = log.split(b"\n")
    whole = EventReader()
    expected = [e for line in lines for e in whole.feed(line, 0, None)] + whole.flush()
    first, second = EventReader(), EventReader()
    events = [e for line in lines[:cut] for e in first.feed(line, 0, None)]
    second.restore(json.loads(json.dumps(first.state())))
    events += [e for line in lines[cut:] for e in second.feed(line, 0, None)] + second.flush()
    assert expected == events


@settings(max_examples=200, deadline=None)
@given(LOGS)
def test_the_prefilter_loses_nothing(log):
    every = EventReader()
    expected = [e for line in log.split(b"\n") for e in every.feed(line, 0, None)] + every.flush()
    reader, events = EventReader(), []
    for line in log.split(b"\n"):
        if reader.hungry or any(literal in line for literal in WANTED):
            events += reader.feed(line, 0, None)
    assert [(e.kind, e.text) for e in expected] == [(e.kind, e.text) for e in events + reader.flush()]


def test_every_kind_is_documented():
    assert all(meaning and isinstance(fields, tuple) for meaning, fields in KINDS.values())


MARKS = [
    ("All distributed processes registered. Starting with 256 processes", ["ranks_ready"]),
    ("GPU available: True (cuda), used: True", ["started"]),
    ("Restoring states from the checkpoint path at /s/last.ckpt", ["resumed"]),
    ("Restored all states from the checkpoint at /s/last.ckpt", ["checkpoint_loaded"]),
    (" successfully loaded checkpoint from /s/ckpt at iteration 8000", ["resumed"]),
    ("  successfully saved checkpoint at iteration    8000 to /s/ckpt", ["checkpoint_saved"]),
    ("Epoch 0, global step 25: 'val_loss' reached 0.47445 (best 0.47445), saving model to '/s/a.ckpt' as top 1", ["checkpoint_saved"]),
    ("Saving model checkpoint to out/checkpoint-500", ["checkpoint_saved"]),
    ("Saved checkpoint at iteration 4000", ["checkpoint_saved"]),
    ("`Trainer.fit` stopped: `max_epochs=3` reached.", ["ended"]),
    ("Training completed. Do not forget to share your model on huggingface.co/models =)", ["ended"]),
    ("[SLURMEnvironment] handling auto-requeue signal: Signals.SIGUSR1", ["requeued"]),
    ("=> loaded checkpoint 'model_best.pth.tar' (epoch 3)", ["checkpoint_loaded"]),
    ("Resuming from checkpoint /s/step_311.ckpt", ["resumed"]),
    ("I am training a model and saving time", []),
    ("Saving results to out.json", []),
    ("resume: False", []),
    ("torch.save(model.state_dict(), path)  # saving state", []),
]


@pytest.mark.parametrize(("line", "expected"), MARKS, ids=[line[:40] for line, _ in MARKS])
def test_marks_of_a_runs_life(line, expected):
    assert expected == kinds(read(line))


def test_missing_ranks_are_told_while_the_log_is_silent():
    lines = "\n".join(f"Initializing distributed: GLOBAL_RANK: {r}, MEMBER: {r + 1}/256" for r in range(17))
    events = read(lines)
    assert ["started", "rank_member"] == kinds(events)
    assert {"joined": 17, "world": 256, "missing": "17-255"} == dict(events[1].fields)


def test_ranks_that_are_all_there_are_told_once():
    lines = [f"Initializing distributed: GLOBAL_RANK: {r}, MEMBER: {r + 1}/4" for r in range(4)]
    assert ["started", "ranks_ready"] == kinds(read("\n".join([*lines, "All distributed processes registered. Starting with 4 processes"])))


def test_a_checkpoint_of_many_files_is_told_once_a_step():
    text = "step 10 | loss 1\n" + "".join(f"[Torch] Saved /s/global_step10/layer_{i}.pt.\n" for i in range(30))
    assert ["checkpoint_saved"] == kinds(read(text))


def test_a_banner_during_training_is_a_new_start_and_the_banners_of_one_start_are_one():
    text = "Seed set to 1\nGPU available: True\nstep 1 | loss 1\nSeed set to 1\nGPU available: True\n"
    assert ["started", "started"] == kinds(read(text))


def test_noise_is_harmless():
    for literal in noise_literals():
        assert is_noise(literal)
        assert [] == read(b"Error: " + literal)


def test_a_crash_that_was_told_is_taken_back_when_training_goes_on():
    reader = EventReader()
    events = read("step 1 | loss 1\nTraceback (most recent call last):\n  File 'a'\nValueError: x\n", reader)
    assert "crash" == events[-1].kind
    events += read("step 2 | loss 1\nstep 3 | loss 1\nstep 4 | loss 1\n", reader)
    assert "recovered" == events[-1].kind
    assert first_cause(events) is None


def test_one_step_of_another_rank_does_not_take_it_back():
    text = "step 1 | loss 1\nTraceback (most recent call last):\n  File 'a'\nValueError: x\nstep 2 | loss 1\n"
    assert first_cause(read(text)) is not None


def test_an_exception_in_a_finalizer_or_a_thread_is_no_crash():
    for before in ("Exception ignored in: <function X.__del__ at 0x7f>", "Exception in thread Thread-4 (_pin_memory_loop):"):
        assert [] == kinds(read(f"{before}\nTraceback (most recent call last):\n  File 'a.py', line 1\nAttributeError: x\n"))


def test_two_files_of_a_run_have_one_first_cause():
    out = read(
        "Traceback (most recent call last):\n  File "
        "'a'\ntorch.distributed.elastic.multiprocessing.api.SignalException: Process 1 got signal: 15\n"
    )
    err = read("slurmstepd: error: *** JOB 99 ON n1 CANCELLED AT 2024-10-10T02:20:29 DUE TO TIME LIMIT ***")
    crash = first_cause(out + err)
    assert crash is not None
    assert "time_limit" == crash.fields["class"]


def test_hostile_text_is_shown_without_control_characters():
    events = read("Traceback (most recent call last):\n  File 'a'\nValueError: \x1b]0;x\x07<script>\u202e" + "A" * 5000)
    assert events[0].text.isprintable()
    assert len(events[0].text) <= 300


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], ""), ([1], "1"), ([1, 2, 3, 7, 9, 10], "1-3,7,9-10"), (list(range(0, 60, 2)), "0,2,4,6,8,10,12,14,16,18,20,22,...")],
)
def test_ranges_are_short(numbers, expected):
    assert expected == ranges(numbers)


def test_a_long_line_is_read_at_both_ends():
    line = b"train:   1%" * 20_000 + b"slurmstepd-n1: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-23T01:11:02 DUE TO TIME LIMIT ***"
    assert ["crash", "ended"] == kinds(read(line))


def test_lines_and_observations_of_one_chunk_are_put_into_order():
    """A parser hands on lines while it reads a chunk, and its observations after it."""
    reader = EventReader()
    for at, line in enumerate([b"Traceback (most recent call last):", b"  File 'a'", b"ValueError: caught"]):
        reader.take(line, 100 + at)
    for at, line in enumerate([b"Traceback (most recent call last):", b"  File 'a'", b"torch.OutOfMemoryError: CUDA out of memory."]):
        reader.take(line, 900 + at)
    items = [Observation("train_loss", 1.0, float(step), offset=200 + step) for step in range(300)]
    events = reader.settle(items) + reader.flush()
    assert [("crash", "cuda_oom", 299.0)] == [(e.kind, e.fields["class"], e.step) for e in events]


@settings(max_examples=100, deadline=None)
@given(LOGS, st.lists(st.integers(0, 40), max_size=5))
def test_events_are_the_same_however_a_log_is_cut(log, cuts):
    lines = log.split(b"\n")
    observations = [Observation("loss", 1.0, float(i), offset=10 * i + 5) for i in range(0, len(lines), 3)]

    def run(bounds: list[int]) -> list[tuple[str, str, float | None]]:
        reader, events = EventReader(), []
        for low, high in itertools.pairwise(bounds):
            for i in range(low, min(high, len(lines))):
                reader.take(lines[i], 10 * i)
            events += reader.settle([o for o in observations if 10 * low <= o.offset < 10 * high])
        return [(e.kind, e.text, e.step) for e in events + reader.flush()]

    assert run([0, 10**6]) == run([0, *sorted(set(cuts) - {0}), 10**6])


def test_an_error_before_the_end_of_a_training_that_ended_well_was_no_crash():
    error = "step 1 | loss 1\nTraceback (most recent call last):\n  File 'a'\nValueError: x\n"
    end = "`Trainer.fit` stopped: `max_epochs=3` reached.\n"
    cancelled = "slurmstepd: error: *** JOB 9 ON n1 CANCELLED AT 2024-10-10T02:20:29 ***\n"
    assert ["ended"] == kinds(read(error + end))
    assert first_cause(read(end + error)) is not None
    assert first_cause(read(cancelled + end)) is not None


@pytest.mark.parametrize("end", ["", "[rank3]: RuntimeError: the data ended\n"])
def test_ranks_that_were_killed_within_their_traceback_or_say_no_more_are_not_waited_for(end):
    reader = EventReader()
    feed('step 5\n[rank3]: Traceback (most recent call last):\n[rank3]:   File "train.py", line 3\n' + end, reader)
    assert reader.hungry
    feed("loader fetched a batch\n" * 1_990, reader)
    assert reader.hungry
    feed("loader fetched a batch\n" * 20, reader)
    assert not reader.hungry
