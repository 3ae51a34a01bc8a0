"""What a log's own name for a number means: train loss, validation loss, step, epoch, another metric, or none of these.

Names are compared by their words: ``eval/loss``, ``Validation Loss``, ``val_loss`` and ``valLoss`` all say the same.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rules.observation import TRAIN_LOSS, VAL_LOSS

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_UNSAFE = re.compile(r"[^A-Za-z0-9_]+")


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


VAL_WORDS = _set("val valid validation validating validated eval evaluation evaluating evaluated dev heldout vali")
TEST_WORDS = _set("test testing tested")
TRAIN_WORDS = _set("train training trained trn")
SPLIT_WORDS = VAL_WORDS | TEST_WORDS | TRAIN_WORDS
LOSS_WORDS = _set("loss losses")
FILLER_WORDS = _set(
    "avg average mean total overall current curr running value lm the final all smoothed reduced batch minibatch main with word tok "
    "done finished completed ended"
)
CRITERION_WORDS = _set(
    "bce celoss ce cross entropy crossentropy ctc contrastive dice focal hinge huber infonce l log mae mlm mse nce nll rmse smooth "
    "triplet xent"
)
"""What a whole loss is called by where a training has but one: the function that computes it."""
PART_WORDS = _set(
    "actor adv adversarial aux auxiliary bbox box cls commit commitment content critic dfl kl kld obj objectness perceptual policy reg "
    "regularization rpn style value vq"
)
"""What a part of a loss is called by, never the whole."""
METRIC_WORDS = _set(
    "acc accuracy auc bleu bpb bpc bpd chrf cer cost dice elbo energy error f1 fid iou kl logloss lpips mae map mape mcc "
    "metric miou mrr mse ndcg nll perplexity ppl precision psnr recall reward rmse rouge score ssim top1 top5 wer xent "
    "auroc auprc jaccard meteor cider pearson spearman kappa"
)
STEP_KEYS = _set(
    "step steps completedsteps globalstep globalsteps iter iters iteration iterations update updates numupdates trainstep trainingstep "
    "currentstep currentsteps totaltimesteps numtimesteps gstep optimizerstep optstep globaliter curiter nupdates niter round up it"
)
EPOCH_KEYS = _set("epoch epochs ep epochnum epochno currentepoch trainepoch epochidx")
BATCH_KEYS = _set("batch batchid batchidx minibatch localstep stepinepoch")
TOTAL_KEYS = _set("totalsteps maxsteps totaliters maxiters totaliterations trainsteps numtrainsteps totaloptimizationsteps")
_NOT_METRICS = _set(
    "scale scaler weight weights coef coeff factor runtime time sec seconds second per samples lambda fn function type name"
)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The lower-case words of a name."""
    return tuple(word.lower() for word in _WORDS.findall(name))


@lru_cache(maxsize=4096)
def joined(name: str) -> str:
    return "".join(words(name))


@lru_cache(maxsize=4096)
def safe(name: str) -> str:
    """The log's own name as a metric name: letters, digits and underscores, at most 80 of them."""
    made = _UNSAFE.sub("_", name.strip()).strip("_")[:80]
    return made if made and not made[0].isdigit() else f"n_{made}"


@lru_cache(maxsize=4096)
def loss_kind(name: str, *, validating: bool = False) -> tuple[str, int] | None:
    """``(train_loss or val_loss, how plainly)`` where the name means the whole loss, None for a component or anything else.

    Plainness: 0 says it in so many words, higher is a weaker way to say the same. ``validating``: the line speaks of validation.
    """
    base, slash, last = name.rpartition("/")
    if slash and (inner := loss_kind(base)) is not None and inner[0] == VAL_LOSS and not any(word in LOSS_WORDS for word in words(last)):
        return VAL_LOSS, inner[1] + 3  # one of several validation sets
    said = words(name)
    said = (said[0][0], "loss") if said in (("tloss",), ("vloss",)) else said
    if not any(word in LOSS_WORDS for word in said) or any(word in _NOT_METRICS for word in said):
        return None
    rest = [word for word in said if word not in LOSS_WORDS]
    weak = [word for word in rest if word in FILLER_WORDS]
    rest = [word for word in rest if word not in FILLER_WORDS]
    late = [word for word in rest if word in ("step", "epoch")]
    rest = [word for word in rest if word not in ("step", "epoch")]
    plainness = len(weak) + (2 if late == ["epoch"] else 1 if late else 0)
    if rest == ["v"] and said[0] != "v":
        return None  # LossV is the loss of a value function
    if rest in (["v"], ["va"], ["te"]) or (len(rest) == 1 and rest[0] in VAL_WORDS):
        return VAL_LOSS, plainness
    if len(rest) == 1 and rest[0] in TEST_WORDS:
        return VAL_LOSS, plainness + 4
    if rest == ["tr"] or (rest == ["t"] and said[0] == "t") or (len(rest) == 1 and rest[0] in TRAIN_WORDS):
        return TRAIN_LOSS, plainness
    if not rest:
        return (VAL_LOSS if validating else TRAIN_LOSS), plainness
    return None


@lru_cache(maxsize=4096)
def criterion_loss(name: str, *, validating: bool = False) -> str | None:
    """``train_loss`` or ``val_loss`` where a name calls the loss by its function (``MSE loss``, ``val_l1_loss``): alone it is the whole."""
    said = words(name)
    kept = [word for word in said if word not in CRITERION_WORDS and not word.isdigit()]
    if len(kept) == len(said) or not set(said) & LOSS_WORDS:
        return None
    found = loss_kind(" ".join(kept), validating=validating)
    return None if found is None else found[0]


@lru_cache(maxsize=4096)
def is_metric(name: str) -> bool:
    """Whether a name means something that a training is judged by, a loss or not."""
    said = words(name)
    if any(word in _NOT_METRICS for word in said):
        return False
    return any(word in METRIC_WORDS or word in LOSS_WORDS for word in said)


@lru_cache(maxsize=4096)
def role(name: str) -> str | None:
    """``step``, ``epoch``, ``batch`` or ``total_steps`` where a name means a place in the training."""
    whole = joined(name)
    for meaning, keys in (("step", STEP_KEYS), ("epoch", EPOCH_KEYS), ("batch", BATCH_KEYS), ("total_steps", TOTAL_KEYS)):
        if whole in keys:
            return meaning
    return None


def speaks_of_validation(text: str) -> bool:
    """Whether a line's words say that its numbers come from a validation."""
    said = words(text)
    return any(word in VAL_WORDS or word in TEST_WORDS for word in said) and not any(word in TRAIN_WORDS for word in said)
