"""Missing and unexpected keys, in the words of each library as it printed them."""

from __future__ import annotations

import pytest
from event_reading import read

CASES = [
    (
        "torch, strict",
        'RuntimeError: Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "fc.weight", "fc.bias". \n'
        '\tUnexpected key(s) in state_dict: "head.weight". \n',
        2,
        1,
    ),
    (
        "torch, strict, inside a traceback",
        'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n'
        'RuntimeError: Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "fc.weight", "fc.bias". \n'
        '\tUnexpected key(s) in state_dict: "head.weight". \n',
        2,
        1,
    ),
    ("torch, what load_state_dict returns", "_IncompatibleKeys(missing_keys=['a.b', 'c.d', 'e'], unexpected_keys=['x.y'])", 3, 1),
    ("torch, nothing is missing", "_IncompatibleKeys(missing_keys=[], unexpected_keys=[])", 0, 0),
    ("torch, all fits", "<All keys matched successfully>", 0, 0),
    (
        "Lightning, not strict",
        "saving.py:212: Found keys that are in the model state dict but not in the checkpoint: ['k.weight', 'k.bias']\n"
        "saving.py:216: Found keys that are not in the model state dict but in the checkpoint: ['l.weight', 'l.bias']",
        2,
        2,
    ),
    (
        "Transformers 4",
        "Some weights of BertForX were not initialized from the model checkpoint at bert-base and are newly initialized: "
        "['classifier.weight', 'classifier.bias']\nSome weights of the model checkpoint at bert-base were not used "
        "when initializing BertForX: "
        "['cls.predictions.bias', 'cls.a', 'cls.b']\n- This IS expected if ...",
        2,
        3,
    ),
    (
        "Transformers 5",
        "BertForX LOAD REPORT from: bert-base\nKey                                        | Status     | \n"
        "-------------------------------------------+------------+-\ncls.predictions.transform.LayerNorm.weight | UNEXPECTED | \n"
        "classifier.weight                          | MISSING    | \nbert.encoder.layer.{1, 2}.output.bias      | MISSING    | \n"
        "bert.encoder.layer.{0...11}.x              | MISSING    | \n\nNotes:\n- UNEXPECTED:\tcan be ignored",
        15,
        1,
    ),
    (
        "timm",
        "Missing keys (head.weight, head.bias) discovered while loading pretrained weights. This is expected if model is being adapted.\n"
        "Unexpected keys (fc.weight) found while loading pretrained weights. This may be expected if model is being adapted.",
        2,
        1,
    ),
    (
        "mmcv",
        "The model and loaded state dict do not match exactly\n\nunexpected key in source state_dict: fc.weight, fc.bias\n\n"
        "missing keys in source state_dict: head.weight\n",
        1,
        2,
    ),
    (
        "detectron2",
        "Some model parameters or buffers are not found in the checkpoint:\nroi_heads.box_predictor.bbox_pred.{bias, weight}\n"
        "roi_heads.mask.{bias, weight}\nThe checkpoint state_dict contains keys that are not used by the model:\n  "
        "stem.fc.{bias, weight}\n",
        2,
        1,
    ),
    ("a count", "Missing keys: 8\nUnexpected keys: 10", 8, 10),
    ("both on a line", "missing keys: 8, unexpected keys: 10", 8, 10),
    ("lists on a line", "Missing keys: ['a.b', 'c.d']\nUnexpected keys: ['x.y']", 2, 1),
    ("empty lists", "missing_keys: []\nunexpected_keys: []", 0, 0),
    ("a logger before it", "2025-10-11 10:00:00 INFO  train: missing keys (2): ['a.b', 'c.d']", 2, 0),
    (
        "a heading with a count and a list below",
        "❌ MISSING (2 keys, random init):\n   - model.a  (3, 4)\n   - model.b  (3,)\n"
        "✗ IGNORED from the checkpoint (1 keys):\n   - model.c  (3,)\nEpoch 0",
        2,
        1,
    ),
    ("a heading without a count", "Missing keys:\n  - a.b\n  - c.d\nUnexpected keys:\n  - x.y\n\nstep 1 | loss 3", 2, 1),
]


@pytest.mark.parametrize(("text", "missing", "unexpected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_each_library_is_understood(text, missing, unexpected):
    counts = {"missing_keys": 0, "unexpected_keys": 0}
    for event in read(text):
        if event.kind in counts:
            counts[event.kind] += event.fields["count"]
            assert len(event.fields["keys"]) in (0, event.fields["count"])
    assert {"missing_keys": missing, "unexpected_keys": unexpected} == counts


def test_the_same_list_of_many_ranks_is_told_once():
    line = "[rank{}]: _IncompatibleKeys(missing_keys=['a.b'], unexpected_keys=[])\n"
    assert 1 == sum(e.kind == "missing_keys" for e in read("".join(line.format(r) for r in range(64))))


def test_shapes_that_do_not_match():
    text = (
        "RuntimeError: Error(s) in loading state_dict for Net:\n"
        "\tsize mismatch for head.weight: copying a param with shape torch.Size([60, 768]) from checkpoint, the shape "
        "in current model is torch.Size([9, 768]).\n"
        "\tsize mismatch for head.bias: copying a param with shape torch.Size([60]) from checkpoint, the shape in "
        "current model is torch.Size([9]).\n"
    )
    assert [2] == [e.fields["count"] for e in read(text) if e.kind == "mismatched_keys"]


@pytest.mark.parametrize(
    "line",
    [
        "missing_keys, unexpected_keys = model.load_state_dict(state, strict=False)",
        'print(f"Missing keys: {len(missing)}")',
        "if missing_keys:",
        "wandb: WARNING missing keys: 3",
        "        missing keys are initialised below",
        "Missing data for 3 days",
    ],
)
def test_source_code_and_prose_have_no_keys(line):
    assert [] == [e.kind for e in read(line) if e.kind.endswith("_keys")]
