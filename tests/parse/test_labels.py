"""What stands before a line and says nothing of a training changes nothing, whatever the format: times, levels, loggers, hosts, ranks."""

from __future__ import annotations

import functools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.parse.label import label_end, labels
from monitor.parse.numbers import HOLE, cut
from tests.parse.test_frameworks import CATALOGUE, LOGS, curve, items_of

LABELS = {
    "Python's logging": "2026-01-01 10:%M:%S,%N - INFO - trainer - ",
    "Python's logging, the name first": "2026-01-01 10:%M:%S,%N - my.trainer - INFO - ",
    "Python's logging with blanks": "2026-01-01 10:%M:%S,%N INFO trainer: ",
    "a time and a level": "2026-01-01 10:%M:%S INFO ",
    "logging.basicConfig": "INFO:root:",
    "Hydra": "[2026-01-01 10:%M:%S,%N][root][INFO] - ",
    "Hydra, a script called train": "[2026-01-01 10:%M:%S,%N][train][INFO] - ",
    "Transformers": "[INFO|trainer.py:123] 2026-01-01 10:%M:%S,%N >> ",
    "Transformers' examples": "01/01/2026 10:%M:%S - INFO - __main__ -   ",
    "DeepSpeed": "[2026-01-01 10:%M:%S,%N] [INFO] [logging.py:96:log_dist] [Rank 0] ",
    "NeMo": "[NeMo I 2026-01-01 10:%M:%S train:123] ",
    "glog": "I0101 10:%M:%S.123456 140 train.py:12] ",
    "absl": "I0101 10:%M:%S.123456 140123456789 train_lib.py:12] ",
    "glog with the year": "I20260101 10:%M:%S.123456 140737 evaluator.cc:12] ",
    "loguru": "2026-01-01 10:%M:%S.%N | INFO     | __main__:main:12 - ",
    "structlog": "2026-01-01T10:%M:%S.%NZ [info     ] ",
    "rich": "[01/01/26 10:%M:%S] INFO     ",
    "a level": "INFO: ",
    "a level in brackets": "[INFO] ",
    "a level and a dash": "INFO - ",
    "a host": "nid001234: ",
    "a host with a number": "node-3: ",
    "a host and its rank": "[nid001234:0] ",
    "pdsh and torchrun": "node-3: [rank7]: ",
    "kubectl": "[pod/xyz-worker-0/pytorch] ",
    "docker compose": "worker-1  | ",
    "docker compose, older": "trainer_1   | ",
    "mpirun --tag-output": "[1,3]<stdout>:",
    "mpirun with a blank": "[1,3]<stdout>: ",
    "srun --label": " 3: ",
    "torchrun --tee": "[default0]:",
    "Ray": "(RayTrainWorker pid=1, ip=10.0.0.1) ",
    "wandb": "wandb: ",
    "a container": "2026-01-01T10:%M:%S.123456789Z ",
    "a container with its zone": "2026-01-01T10:%M:%S+00:00 ",
    "a container's stream": "2026-01-01T10:%M:%S.123456789Z stdout F ",
    "ts": "Jan 01 10:%M:%S ",
    "ts with a year": "[2026-01-01 10:%M:%S] ",
    "a clock": "10:%M:%S ",
    "a clock in brackets": "[10:%M:%S] ",
    "slashes": "2026/01/01 10:%M:%S ",
    "syslog": "Jan  1 10:%M:%S gpu01 python[1234]: ",
    "journald": "Jan 01 10:%M:%S gpu01 train.sh[1234]: ",
}  # fmt: skip
INDENTED = {"easylm", "hf-trainer-state"}
"""Many lines of JSON: their indentation tells one level from another, and some of these labels hide it."""
HIDE_INDENTATION = {"Transformers' examples", "mpirun with a blank", "torchrun --tee", "rich"}
SOURCES = [(path.stem, path.read_bytes()) for path in LOGS]
SOURCES += [(one.name, sample["log"].encode()) for one in CATALOGUE.formats for sample in one.samples]

MEANT_OTHERWISE = {
    "a clock in brackets": {"xgboost-sklearn", "xgboost-sklearn-auc"},  # XGBoost's command line prints a time, and other names for the sets
    # What fairseq prints under this name is an epoch's mean.
    "Hydra, a script called train": {name for name, _ in SOURCES if name.startswith("fairseq")},
} | dict.fromkeys(HIDE_INDENTATION, INDENTED)


def labelled(data: bytes, label: str) -> bytes:
    def at(line: int) -> bytes:
        clock = {"%S": f"{line % 60:02}", "%M": f"{line // 60 % 60:02}", "%N": f"{line * 37 % 1000:03}"}
        return re.sub("%[SMN]", lambda found: clock[found[0]], label).encode()

    return b"\n".join(at(number) + line if line else line for number, line in enumerate(data.split(b"\n")))


@functools.cache
def losses(data: bytes) -> tuple[str, str]:
    items = items_of(data)
    return str(curve(items, "train_loss")), str(curve(items, "val_loss"))


@pytest.mark.parametrize("label", LABELS)
def test_what_stands_before_every_line_changes_nothing(label: str) -> None:
    for name, data in SOURCES:
        if name not in MEANT_OTHERWISE.get(label, ()):
            assert losses(data) == losses(labelled(data, LABELS[label])), name


OUTER = ["a host", "srun --label", "mpirun --tag-output", "kubectl", "docker compose", "a container", "Ray", "syslog"]
INNER = ["Python's logging", "Hydra", "Transformers", "glog", "loguru", "a level", "logging.basicConfig", "NeMo", "structlog"]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([one for one in SOURCES if one[0] not in INDENTED]), st.sampled_from(OUTER), st.sampled_from(INNER))
def test_two_labels_change_nothing(source: tuple[str, bytes], outer: str, inner: str) -> None:
    assert losses(source[1]) == losses(labelled(source[1], LABELS[outer] + LABELS[inner]))


@pytest.mark.parametrize(
    "line",
    [
        "val: 0.5", "train: loss 0.5", "[valid] loss 0.5", "Epoch 3: loss 0.5", "[Step 3] loss 0.5", "step: 3", "[3/10] loss: 0.5",
        "loss: 0.5", "best - 0.5", "[10/200] loss", "accuracy | 0.5", "0.5 0.4", "lr: 0.1", "[eval.step 3] x", "Test: [3/10]",
    ],
)  # fmt: skip
def test_what_tells_something_is_no_label(line: str) -> None:
    assert 0 == label_end(line.encode())


@pytest.mark.parametrize("label", LABELS)
def test_a_label_ends_at_the_same_word_in_a_line_and_in_its_skeleton(label: str) -> None:
    line = labelled(b"Epoch 3 of 5 loss 0.5", LABELS[label])
    skeleton = cut(line)[0].decode()
    assert b"Epoch 3 of 5 loss 0.5" == line[label_end(line) :] or label in ("srun --label", "torchrun --tee", "mpirun --tag-output")
    ends = [end for end, _ in labels(skeleton)]
    assert not ends or cut(b"Epoch 3 of 5 loss 0.5")[0].decode() == skeleton[ends[-1] :]


@given(st.text(max_size=300))
def test_the_ends_of_labels_rise_and_stand_in_the_line(text: str) -> None:
    ends = [end for end, _ in labels(text)]
    assert ends == sorted(ends)
    assert all(0 < end <= len(text) for end in ends)
    assert 0 <= label_end(text.encode()) <= len(text.encode())


@given(st.sampled_from(sorted(LABELS)), st.integers(0, 10**6), st.floats(-1e6, 1e6))
def test_a_reading_does_not_depend_on_the_numbers_of_a_label(label: str, step: int, loss: float) -> None:
    line = labelled(f"step {step} loss {loss!r}".encode(), LABELS[label])
    seen = items_of(line + b"\n")
    assert [[float(step), loss]] == curve(seen, "train_loss")
    assert cut(line)[0].count(HOLE) >= 2
