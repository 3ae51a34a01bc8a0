"""The reader for logs that no format file knows: names that mean a loss beside numbers, with a step on the line or before it.

It reads a skeleton, never a value. It refuses what looks like source code, a configuration or a command line, and asks of a
line that is not plain by itself that it repeats.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from monitor.parse.bare import MAX_CHARS, bare
from monitor.parse.drawn import Drawn, drawn, epoch_of
from monitor.parse.heading import section_of
from monitor.parse.names import (
    LOSS_WORDS,
    METRIC_WORDS,
    PART_WORDS,
    SPLIT_WORDS,
    TRAIN_WORDS,
    VAL_WORDS,
    criterion_loss,
    is_metric,
    loss_kind,
    role,
    safe,
    speaks_of_validation,
    words,
)
from monitor.parse.numbers import multiple
from monitor.parse.pairs import Named, named
from monitor.parse.reading import NOTHING, Anchor, Reading, Value
from monitor.parse.settle import by_context, called_by_function, is_bare_split, settle
from rules.observation import TRAIN_LOSS, VAL_LOSS

GENERAL = "general"

_CODE = re.compile(
    r"""\bf["']|\bdef\s|\bimport\s|\breturn\b|\bself\.|\bprint\s*\(|\bassert\b|[=!<>]=|\+=|-=|\*=|\blambda\b|(?<!\x00)%[ds.]|%\d*\.\d*[fge]|
        \{[^}"']*:[.\d]*\x00?[fge]\}|\b(?:if|elif|for|while|with|class|else|except|try)\b[^|]*:\s*(?:\#.*)?$|;\s*$|//|/\*|\*\*|\\n|
        ^\s*(?:\#|@(?!\s)|\$|>>>|\+\s|["'`]|\((?!(?i:epoch|step|iter)\b)|[uf]?["'])|`|\.(?:ckpt|pth?|safetensors|bin)\b|\)\s*:\s*$|=\s*[A-Za-z_][\w.]*\(|--\w|\w\[[^\]]*\]\s*=|(?<!\w)[-+*]\s*\x00\s*[*/]|\bhelp=|\bdefault[=:]|\btype=|
        \bTraceback\b|\b[A-Z]\w+(?:Error|Exception|Warning)\b|^\s*(?:Error|ERROR|Warning)\b|\bwarning\b|\bFile\s"|\bvalue_error\b|\bNamespace\(|\brequirement\b|\.whl\b|\bDownloading\b|
        \bNCCL\b|Deprecat""",
    re.X,
)
_BEST = re.compile(
    r"\b(?:best|better|previous|prev|min|lowest|improved|saved|saving|target(?=[^,;|]*\x00)|threshold|early|patience|baseline|loaded|"
    r"restored)\b", re.I,
)  # fmt: skip
_LAST = re.compile(r"\bfinal\b", re.I)
_BAR = re.compile(r"\x00%\s?\|| \x00/\x00 \[\x00|[█▏▎▍▌▋▊▉━╸╺]|#{4,}|\|[|.#=>-]{8,}\|?|\[[=>.]{6,}\]")
_BEFORE_PLACE = VAL_WORDS | TRAIN_WORDS | frozenset((
    "after", "at", "begin", "beginning", "completed", "current", "end", "finished", "for", "global", "in", "info", "loss", "of", "on",
    "result", "results", "start", "starting", "summary", "taken", "test", "the", "time",
))  # fmt: skip
"""What may stand before ``step`` or ``epoch`` and a number where it is a place (not ``gradient accumulation steps 64``)."""
_LEADING = re.compile(r"^\s*(?:train(?:ing)?:? +(?=\[))?[\[(]? *\x00 ?/ *\x00(?:[\]):,]| = \x00%|\s+(?=\(epoch)|\s+(?=\S*loss))", re.I)
"""``[  10/200] loss: ...``: nothing names the count, but it stands where a step does."""
_BRACKETED = re.compile(
    r"^(?P<before>[A-Za-z][^\x00\[(]{0,40})?[\[(] *(?P<epoch>\x00)(?:/(?P<epochs>\x00))?(?:[\])] ?[\[(]|: ?) *(?P<batch>\x00)"
    r" ?/ *(?P<batches>\x00)[\])]"
)
"""``[1/25][100/5000] Loss: ...``, ``train: [1][100/1000]``, ``[1: 100/1000]``: an epoch and a batch that nothing names."""
_SPLIT_COUNT = re.compile(r"^\s*(?P<before>train\w*|test\w*|val\w*|eval\w*) +(?P<epoch>\x00) ?[,:](?=.*loss)", re.I)
"""``Train 3, loss: ...``."""
_SENTENCE = re.compile(r"\b(?:a|an|and|are|by|compared|for|from|got|had|has|is|of|our|than|that|the|this|to|was|we|were|which|with)\b")
_PLAN = re.compile(r"\b(?:until|every|max\w*|warm\w*)\b", re.I)
"""What speaks of steps to come is no place."""
_BEHIND = re.compile(r"(?P<what>[A-Za-z][\w /()-]*?)[ :]+(?:at|after|for|in|on)(?: the)? (?P<place>[A-Za-z]+)\W*$")
"""``Validation loss at epoch 3: 0.5``: what is named before the place has its value after it."""
_ROW = re.compile(r"^\s*\|\s*[A-Za-z_][\w ./-]*\|(?:\s*\x00%?\s*\|)+\s*$")
"""A row of a table that gives a name its numbers: the whole block is read, not a row."""
_STATE = re.compile(r".*\x00%\s?\|[^|]*\|\s*\x00/\x00 \[[^\]]*\]:?\s*(?=[A-Za-z\[({=*<-])")
"""A bar's state before what was printed behind it, since the bar ends no line."""
_LOSS = re.compile("loss", re.I)
_BRACKETED_SET = re.compile(r"(?P<loss>\w*loss) ?[\[(](?P<set>train\w*|val\w*|test)$", re.I)
"""``Loss (val) 0.5``."""
_NAME_BEGUN = re.compile(r"[\w/.-]+$")
"""What of a name stands before its word loss (``eval_``): another loss of the line it does not speak of."""
_MODULE = re.compile(r"\b[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
"""A logger's or a file's name, whose words say nothing of the values (``mt.training - Validation loss``)."""
_COPULA = re.compile(r"(?:\s+so far)?\s+(?:is|was)$")
_GLOBAL = re.compile(r"global|total|opt|complet", re.I)
_OF_A_LINK = re.compile(r"\b(?:packets?|frames?)[ _]loss$", re.I)
"""What a network loses."""
_BATCH_SIZE = re.compile(r"batch[_ ]?size", re.I)
_WRAP = re.compile(r"^\s*(?:\[rank\x00\]:?|\x00:\s|\[\x00\]\s?<\w+>:)")


@dataclass(slots=True)
class _Found:
    """What has been made out of a line so far."""

    step: int | None = None
    epoch: int | None = None
    batch: int | None = None
    batches: int | None = None
    total_steps: int | None = None
    total_epochs: int | None = None
    scale: float = 1.0
    local: bool = False
    is_global: bool = False
    plural: bool = False
    counted: tuple[int, int] | None = None
    """Of ``Epoch 3 (3/32)``: the batch and its total where the line has values, else the epoch's once more."""
    values: list[tuple[Value, str, int]] = field(default_factory=list)


def read(skeleton: str) -> Reading:
    """What the general reader makes of a skeleton; ``NOTHING`` where it says nothing about a training."""
    if "\x00" not in skeleton:
        section = section_of(skeleton)
        return Reading(GENERAL, section=section, heading=True, rule=GENERAL) if section else NOTHING
    skeleton = bare(skeleton)
    if len(skeleton) > MAX_CHARS or _CODE.search(skeleton) or _ROW.match(skeleton):
        return NOTHING
    state = _STATE.match(skeleton) if "%|" in skeleton else None
    printed = read(skeleton[state.end() :]) if state is not None else NOTHING
    if state is not None and printed.placed:
        return printed.behind(skeleton[: state.end()], skeleton[state.end() :])
    bar = bool(_BAR.search(skeleton))
    found = _Found()
    shown = drawn(skeleton) if bar or "it [" in skeleton else None
    bar = bar or shown is not None
    numbers = [one for one in named(skeleton) if shown is None or one.index not in shown.own]
    if _WRAP.match(skeleton) and skeleton.lstrip().startswith("\x00"):
        numbers = numbers[1:]
    prose = _prose(skeleton) if shown is None else skeleton[: shown.head]
    validating = speaks_of_validation(prose)
    told = validating and speaks_of_validation(_NAME_BEGUN.sub("", prose))
    testing = validating and not any(word in VAL_WORDS for word in words(prose))
    for at, one in enumerate(numbers):
        _place(found, one, numbers[at + 1] if at + 1 < len(numbers) else None, bar=bar)
    if shown is None and found.step is found.epoch is found.batch is None:
        _bracketed(found, skeleton)
    leading = _LEADING.match(skeleton) if shown is None and found.step is None and len(numbers) > 2 and numbers[1].of else None
    if leading and (found.epoch is None or skeleton.startswith("(epoch", leading.end())):
        found.step, found.total_steps = numbers[0].index, numbers[1].index
    counts = shown is not None and found.step is None and _LOSS.search(skeleton) is not None
    if shown is not None and counts:
        _count(found, shown, numbers, validating=validating)
    places = {found.step, found.epoch, found.batch, found.batches, found.total_steps, found.total_epochs}
    for at, one in enumerate(numbers):
        if one.index not in places and not one.of and (one.key or at):
            called = one if one.key else _behind(one, numbers[at - 1], numbers[at - 2])
            _measure(found, called, validating=validating, losses_too=told, testing=testing, behind=called is not one)
    found.values = by_context(found.values, numbers)
    reading = _conclude(found, skeleton, bar=bar)
    return _of_a_bar(reading, shown, validating=validating) if shown is not None and counts and reading.values else reading


def _count(found: _Found, shown: Drawn, numbers: list[Named], *, validating: bool) -> None:
    """Take the place that a bar shows: its count is the batch of the training, and none of it where it validates."""
    found.local = False
    if found.epoch is None:
        found.epoch, found.total_epochs = epoch_of([one for one in numbers if one.index < shown.n])
    found.batch, found.batches = (None, None) if validating else (shown.n, None if shown.total == shown.n else shown.total)


def _of_a_bar(reading: Reading, shown: Drawn, *, validating: bool) -> Reading:
    metrics = {value.metric for value in reading.values}
    if validating and TRAIN_LOSS in metrics:  # a loop that shows both by one name
        told = [replace(value, metric=VAL_LOSS) if value.metric == TRAIN_LOSS else value for value in reading.values]
        reading = replace(reading, values=tuple(value for value in told if value.metric != VAL_LOSS or VAL_LOSS not in metrics))
        metrics = {VAL_LOSS}
    return replace(reading, of=(shown.n, shown.total), aside=validating or (VAL_LOSS in metrics and TRAIN_LOSS not in metrics), weak=False)


def _prose(skeleton: str) -> str:
    """The head of a line, where it says what it speaks of: up to the first value's name."""
    told = _LOSS.search(skeleton)
    head = skeleton[: told.start()][-200:] if told else skeleton[:200]
    return _MODULE.sub(" ", head) if "." in head else head


def _place(found: _Found, one: Named, following: Named | None, *, bar: bool) -> None:
    total = following.index if following is not None and following.of else None
    meaning = place_of(one)
    if meaning == "step" and (found.step is None or (_GLOBAL.search(one.key) and not found.is_global)):
        if found.step is not None:
            found.batch, found.batches, found.total_steps = found.step, found.total_steps, None
        found.step, found.scale = one.index, multiple(one.after)
        found.is_global = bool(_GLOBAL.search(one.key))
        found.plural = one.key.lower() == "steps" and total is None
        found.local = total is not None and (bar or found.total_epochs is not None) and not found.is_global
        if total is not None:
            found.total_steps = total
    elif meaning == "epoch" and found.epoch is None:
        found.epoch = one.index
        if total is not None:
            found.total_epochs = total
    elif meaning == "batch" and found.batch is None:
        found.batch, found.batches = one.index, total
    elif meaning == "total_steps" and found.total_steps is None and (found.step is not None or found.epoch is None):
        found.total_steps = one.index
    elif meaning is None and not one.key and found.epoch is not None and found.batch is None:
        if total is not None and one.before != " (":
            found.batch, found.batches = one.index, total
        elif total is not None:
            found.counted = one.index, total
        elif one.before == "][" and found.epoch == one.index - 1:
            found.batch = one.index


def _bracketed(found: _Found, skeleton: str) -> None:
    """Take the epoch and the batch at a line's head; a validation's batches are no steps."""
    pair = _BRACKETED.match(skeleton) or _SPLIT_COUNT.match(skeleton)
    if pair is None:
        return
    at = {name: skeleton.count("\x00", 0, pair.start(name)) for name in pair.groupdict() if pair[name] and name != "before"}
    found.epoch, found.total_epochs = at["epoch"], at.get("epochs")
    if "batch" in at and not speaks_of_validation(pair["before"] or ""):
        found.batch, found.batches = at["batch"], at["batches"]


def _behind(one: Named, place: Named, before: Named) -> Named:
    """A number without a name that stands behind a place: it goes by what is named before that (``Cost after iteration 100: 0.69``)."""
    place = before if place.of else place
    found = _BEHIND.search(place.before[-120:]) if one.before.strip() in (":", "=", "is", "was", "]:", "):") else None
    if found is None or role(found["place"]) is None:
        return one
    what = re.sub(r"\s*\([^)]*\)", "", found["what"]).strip()
    return replace(one, key=what, sep=":")


def place_of(one: Named) -> str | None:
    """Whether a number's name means a place: the whole name, or its last word after a blank (``validation loss at iteration #``)."""
    if not one.key or one.after.startswith("%"):
        return None
    key = _COPULA.sub("", one.key)
    meaning = role(key)
    if meaning is None and not (one.sep and one.sep not in ":="):
        *head, tail = key.replace("@", " ").split() or [""]
        meaning = role(tail)
        said = words(" ".join(head))
        measured = bool(said) and said[-1] in ("at", "after", "for", "in", "on") and is_metric(" ".join(head))
        bracketed = meaning == "epoch" and tail.startswith("(")
        if meaning and not measured and not bracketed and not all(word in _BEFORE_PLACE for word in said):
            return None
    return meaning


def _measure(found: _Found, one: Named, *, validating: bool, losses_too: bool, testing: bool, behind: bool) -> None:
    key = _COPULA.sub("", one.key)
    spaced = not one.sep
    if not key or _OF_A_LINK.search(key) or (one.after.strip() == "," and words(key)[-1:] == ("losses",)):
        return  # Losses: [2.1, 2.3]: which is the whole, nothing tells
    if spaced:
        key = key if is_bare_split(key) else _spaced_key(key)
        if not key:
            return
    if is_bare_split(key):
        found.values.append((Value("" if spaced else safe(key), key, one.index), "", 9))
        return
    said = loss_kind("loss" if behind and words(key) == ("cost",) else key, validating=losses_too)
    if said is not None:
        metric, plainness = said
        tested = testing and not any(word in SPLIT_WORDS for word in words(key))
        found.values.append((Value(metric, f"test {key}" if tested else key, one.index), metric, plainness))
    elif len(key) <= 60 and not key.endswith((".py", ".cc", ".cpp")):
        metric = safe(key)
        if validating and is_metric(key) and not any(word in VAL_WORDS for word in words(key)):
            metric = f"val_{metric}"
        found.values.append((Value(metric, key, one.index), "", 9))


def _spaced_key(key: str) -> str:
    """The part of ``some words val loss`` that names the number after it: the last words that belong together."""
    bracketed = _BRACKETED_SET.search(key)
    if bracketed is not None:
        return f"{bracketed['set']} {bracketed['loss']}"
    parts = key.split()
    if not parts:
        return ""
    take = parts[-1:]
    known = METRIC_WORDS | {"loss", "losses", "lr", "norm", "gnorm", "rate", "ppl", "grad_norm"}
    if not any(word in known for word in words(take[0])):
        return ""
    for part in reversed(parts[:-1]):
        if len(take) == 1 and words(part) and all(word in SPLIT_WORDS for word in words(part)):
            return f"{part} {take[0]}"
        if len(take) == 1 and take[0].lower() in LOSS_WORDS and PART_WORDS.issuperset(words(part)) and words(part):
            return f"{part} {take[0]}"
        longer = f"{part} {' '.join(take)}"
        if (loss_kind(longer) is None and criterion_loss(longer) is None) or len(take) > 3:
            break
        take.insert(0, part)
    return " ".join(take)


def _conclude(found: _Found, skeleton: str, *, bar: bool) -> Reading:
    values = settle(found.values)
    values = values if bar else called_by_function(values, validating=speaks_of_validation(_prose(skeleton)))
    losses = [value for value in values if loss_like(value)]
    if found.counted and values:
        found.batch, found.batches = found.counted
    elif found.counted:
        found.total_epochs = found.counted[1]
    placed = found.step is not None or found.epoch is not None or found.batches is not None
    alone = found.step is None and found.epoch is None
    if not losses or _BEST.search(_prose(skeleton)) or (alone and (_BEST.search(skeleton) or _LAST.search(_prose(skeleton)))):
        if not placed:
            return NOTHING
        values = ()
    if found.plural and found.epoch is not None and (not values or _BATCH_SIZE.search(skeleton)):
        found.step = None  # Epoch 3 | Batchsize: 32 | Steps: 28: those of an epoch
    if not values and (bar or not _is_banner(skeleton)):
        return NOTHING
    if len(values) > 400:
        return NOTHING
    both = all(any(one.metric == metric and set(words(one.name)) & SPLIT_WORDS for one in losses) for metric in (TRAIN_LOSS, VAL_LOSS))
    canonical = [value for value in losses if value.metric in (TRAIN_LOSS, VAL_LOSS) and loss_kind(value.name)]
    plain = both or (placed and bool(canonical) and not _is_sentence(skeleton))
    place_said = not values or placed
    section = ("val" if speaks_of_validation(_prose(skeleton)) else "train") if place_said else ""
    unsplit = not any(word in SPLIT_WORDS for text in (_prose(skeleton), *(value.name for value in losses)) for word in words(text))
    return Reading(
        GENERAL, section=section, by_section=not placed and unsplit and any(one.metric == TRAIN_LOSS for one in losses),
        step=found.step, epoch=found.epoch, batch=found.batch, batches=found.batches, total_steps=found.total_steps,
        total_epochs=found.total_epochs, values=values, anchor=Anchor.LAST, scale=found.scale, weak=bool(values) and not plain,
        bar=bar, local=found.local, is_global=found.is_global, rule=GENERAL,
    )  # fmt: skip


def loss_like(value: Value) -> bool:
    return value.metric in ("train_loss", VAL_LOSS) or is_metric(value.name)


def _is_sentence(skeleton: str) -> bool:
    """Whether a line is prose: then it counts where it repeats, since a README speaks of losses too."""
    return len(_SENTENCE.findall(skeleton)) >= 3


def _is_banner(skeleton: str) -> bool:
    """Whether a line does little more than say a step or an epoch."""
    return len(re.findall(r"[A-Za-z]{2,}", skeleton)) <= 8 and _PLAN.search(skeleton) is None
