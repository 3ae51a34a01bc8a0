"""What the words beside a number seem to mean in a log that nothing knows: the training loss, the validation loss, neither.

Looser than ``names``, and in more languages, since a person looks at what comes of it.
"""

from __future__ import annotations

import re

from monitor.parse.names import loss_kind
from rules.observation import TRAIN_LOSS, VAL_LOSS

_VALIDATION = re.compile(
    r"(?<!inter)val(?!ue)|eval|\bdev(?!ic)|\bdv|tst|\btest|hold|held|(?:^|[\W_])ho\b|prüf|验证|校验|測試|测试|検証|검증|проверк|вал|^v(?=loss|res|err|mse|rmse)",
    re.I,
)
_TRAINING = re.compile(r"tr(?:ai)?n|(?:^|[\W_])tr\b|训练|訓練|학습|обуч|entren|treino", re.I)
_LOSS = re.compile(
    r"loss|err|cost|nll|\bce\b|xent|entropy|ppl|perplex|obj|crit|[mr]se|mae|misfit|resid|\bres\b|verlust|fehler|perte|p[eé]rdida|perda|损失|損失|손실|"
    r"потер|energ|\be_|chi2|likelihood|elbo|divergence",
    re.I,
)
_OTHER = re.compile(r"acc|\blr\b|rate|time|scale|norm|sec|speed|tok|mem|grad|skill|score|reward|[|]|gpu|weight", re.I)


def said_of(name: str, line: str) -> str | None:
    """``train_loss``, ``val_loss`` or None, of a number's name (or the words before it) and the line's skeleton."""
    kind = loss_kind(name)
    if kind is not None:
        return VAL_LOSS if kind[0] == TRAIN_LOSS and not _TRAINING.search(line) and _validates(line, name) else kind[0]
    if _OTHER.search(name):
        return None
    if _VALIDATION.search(name):
        return VAL_LOSS
    if _TRAINING.search(name):
        return TRAIN_LOSS
    if not _LOSS.search(name):
        return None
    return VAL_LOSS if not _TRAINING.search(line) and _validates(line, name) else TRAIN_LOSS


def _validates(line: str, name: str) -> bool:
    """Whether the head of a line, before the name, speaks of a validation."""
    return _VALIDATION.search(line.partition(name)[0]) is not None
