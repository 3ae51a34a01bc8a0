"""A rules file as values: what its keys mean, every mistake with its place, and the finished rules.

Takes plain data (mappings, lists, strings; every scalar as the text that was written, since YAML 1.1 would make a Norwegian
``no`` False and ``1e-3`` a string) and gives a ``Rulebook`` or all the problems, each with the path of keys that leads to it.
Reading the file and finding line and column are the business of ``monitor/yamlfile.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from math import inf, nan
from typing import Any, TypeVar

from pydantic import ValidationError

from rules.conditions import kinds
from rules.conditions.baseline import PREVIOUS
from rules.milestone import Condition, MalformedError, Milestone, MilestoneForm, condition, parse_milestone
from rules.observation import VAL_LOSS
from rules.problem import Loc, Problem
from rules.rule import ANY_METRIC, ENDED, Context, Rule
from rules.verdict import Severity

TOP_KEYS = ("version", "metric", "preset", "baseline", "milestones", "rules", "notify", "tests")
MILESTONE_OPS = {"below": "<", "at_most": "<=", "above": ">", "at_least": ">="}
MILESTONE_KEYS = ("step", "epoch", "metric", *MILESTONE_OPS, "in", "worry", "severity", "name")
T = TypeVar("T")
CurvesOf = Callable[[str], Mapping[str, tuple[Sequence[float], Sequence[float]]]]
"""From the path of a log to its curves (steps, values) by metric; raises ValueError with what is wrong."""


@dataclass(frozen=True)
class Baseline:
    """What the run is held against: values by metric (with the step and label they have), another run's log, or the ``previous`` run."""

    values: Mapping[str, float] = field(default_factory=dict)
    step: float | None = None
    label: str = "baseline"
    run: str | None = None
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rulebook:
    """Everything that a rules file says. ``notify`` and ``tests`` are passed on as they stand."""

    rules: tuple[Rule, ...] = ()
    metric: str = VAL_LOSS
    baseline: Baseline | None = None
    preset: str | None = None
    notify: Mapping[str, Any] = field(default_factory=dict)
    tests: Sequence[Any] = ()
    label: str = "preset default"

    @property
    def milestones(self) -> tuple[Milestone, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, Milestone))


class RulesReader:
    """Reads one document and gathers its problems instead of stopping at the first."""

    def __init__(self, presets: Mapping[str, Any], curves: CurvesOf | None = None) -> None:
        self.presets = presets
        self.curves = curves
        self.problems: list[Problem] = []

    def read(self, document: Any, label: str) -> Rulebook:
        """The rulebook; it is usable only where ``problems`` stayed empty."""
        if document is None:
            document = {}
        if not isinstance(document, Mapping):
            self.problem((), "a rules file is a mapping with keys such as milestones and rules", "write `milestones:` and a list below it")
            return Rulebook(label=label)
        self._known_keys(document, TOP_KEYS, ())
        document = {**self._told_by_preset(document.get("preset")), **document}
        version = document.get("version", "1")
        if str(version) != "1":
            self.problem(("version",), f"version {version} is not known", "write version: 1")
        metric = self._text(document, "metric", VAL_LOSS)
        baseline = self._baseline(document.get("baseline"))
        milestones = self._milestones(document.get("milestones"), metric)
        facts = self._baseline_facts(baseline)
        context = Context(metric, facts, tuple(milestones))
        if baseline is not None and facts is not None:
            baseline = replace(baseline, curves=facts["curves"])
        rules = self._all_rules(document, context)
        notify = document.get("notify") or {}
        if not isinstance(notify, Mapping):
            self.problem(("notify",), "notify is a mapping of channels", "write slack: {webhook_url: ${LOSSWATCH_SLACK_WEBHOOK_URL}}")
            notify = {}
        tests = self._list(document, "tests")
        return Rulebook((*milestones, *rules), metric, baseline, document.get("preset"), notify, tests, label)

    def problem(self, loc: Loc, message: str, advice: str = "", **place: Any) -> None:
        self.problems.append(Problem(loc, message, advice, **place))

    def _known_keys(self, mapping: Mapping[str, Any], known: Sequence[str], loc: Loc) -> None:
        for key in mapping:
            if key not in known:
                self.problem((*loc, key), f"unknown key `{key}`", did_you_mean(str(key), known), on_key=True)

    def _text(self, document: Mapping[str, Any], key: str, default: str) -> str:
        value = document.get(key, default)
        if not isinstance(value, str) or not value:
            self.problem((key,), f"{key} is a name", f"write {key}: {default}")
            return default
        return value

    def _list(self, document: Mapping[str, Any], key: str) -> Sequence[Any]:
        value = document.get(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.problem((key,), f"{key} is a list", f"begin each of them on its own line with `- ` below `{key}:`")
            return ()
        return value

    def _number(self, value: Any, loc: Loc, *, least: float = -inf) -> float | None:
        try:
            number = float(str(value).replace("_", ""))
        except ValueError:
            number = nan
        if least <= number < inf and number > -inf:
            return number
        what, such = ("step", "100") if least == 0.0 else ("number", "0.3557")
        self.problem(loc, f"`{value}` is no {what}", f"write a number such as {such}")
        return None

    def _baseline(self, given: Any) -> Baseline | None:
        if given is None:
            return None
        if not isinstance(given, Mapping):
            self.problem(("baseline",), "baseline is a mapping", "write baseline: {val_loss: 0.3557, step: 311}")
            return None
        if "run" in given:
            self._known_keys(given, ("run", "label"), ("baseline",))
            return Baseline(run=str(given["run"]), label=str(given.get("label", given["run"])))
        values: dict[str, float] = {}
        for key, value in given.items():
            if key not in ("step", "label") and (number := self._number(value, ("baseline", key))) is not None:
                values[key] = number
        step = self._number(given["step"], ("baseline", "step")) if given.get("step") is not None else None
        if not values:
            self.problem(("baseline",), "the baseline has no value", "write baseline: {val_loss: 0.3557, step: 311}")
        return Baseline(values, step, str(given.get("label", "baseline")))

    def _baseline_facts(self, baseline: Baseline | None) -> dict[str, Any] | None:
        """What rules need of the baseline: values, or the curves of the run that it names."""
        if baseline is None:
            return None
        facts: dict[str, Any] = asdict(baseline)
        if baseline.run not in (None, PREVIOUS) and self.curves is not None:
            try:
                facts["curves"] = self.curves(str(baseline.run))
            except ValueError as wrong:
                self.problem(("baseline", "run"), str(wrong), "name the log of a run that was read before")
        return facts

    def _milestones(self, given: Any, default_metric: str) -> list[Milestone]:
        found: list[Milestone] = []
        seen: set[str] = set()
        for i, entry in enumerate(self._list({"milestones": given}, "milestones")):
            form = self._milestone_form(entry, ("milestones", i))
            if form is None:
                continue
            built = build_milestone(form, default_metric)
            if built.id in seen:
                self.problem(("milestones", i), f"`{built.id}` is there twice", "take one out, or give it a name")
            seen.add(built.id)
            found.append(built)
        return found

    def _milestone_form(self, entry: Any, loc: Loc) -> MilestoneForm | None:
        if isinstance(entry, str):
            return self._understood(lambda: parse_milestone(entry), loc)
        if isinstance(entry, Mapping):
            return self._milestone_mapping(entry, loc)
        self.problem(loc, "a milestone is a line or a mapping", "write step 100 < 0.9 or {step: 100, below: 0.9}")
        return None

    def _understood(self, parse: Callable[[], T], loc: Loc) -> T | None:
        try:
            return parse()
        except MalformedError as wrong:
            self.problem(loc, wrong.problem, wrong.advice, at=wrong.at, length=wrong.length)
            return None

    def _milestone_mapping(self, entry: Mapping[str, Any], loc: Loc) -> MilestoneForm | None:
        before = len(self.problems)
        self._known_keys(entry, MILESTONE_KEYS, loc)
        axes = [axis for axis in ("step", "epoch") if axis in entry]
        tests = [key for key in (*MILESTONE_OPS, "in") if key in entry]
        if len(axes) != 1:
            self.problem(loc, "a milestone has a step or an epoch", "write {step: 100, below: 0.9}")
        if len(tests) != 1 and len(self.problems) == before:
            self.problem(loc, f"a milestone has one of {', '.join((*MILESTONE_OPS, 'in'))}", "write {step: 100, below: 0.9}")
        if len(self.problems) > before:
            return None
        place = self._number(entry[axes[0]], (*loc, axes[0]), least=0.0)
        key = tests[0]
        expect: Condition | None
        if key == "in":
            expect = self._understood(lambda: condition(f"in {entry['in']}", -3), (*loc, "in"))
        else:
            value = self._number(entry[key], (*loc, key))
            expect = None if value is None else Condition(MILESTONE_OPS[key], value, written=str(entry[key]))
        worry = self._understood(lambda: condition(str(entry["worry"])), (*loc, "worry")) if "worry" in entry else None
        severity = self._severity(entry["severity"], (*loc, "severity")) if "severity" in entry else None
        if place is None or expect is None:
            return None
        return MilestoneForm(axes[0], place, expect, entry.get("metric"), worry, severity, entry.get("name"))

    def _severity(self, text: Any, loc: Loc) -> Severity | None:
        try:
            return Severity(text)
        except ValueError:
            known = [severity.value for severity in Severity]
            self.problem(loc, f"`{text}` is no severity", did_you_mean(str(text), known) or f"write {', '.join(known)}")
            return None

    def _all_rules(self, document: Mapping[str, Any], context: Context) -> list[Rule]:
        preset = document.get("preset")
        own: list[Rule] = []
        for i, entry in enumerate(self._list(document, "rules")):
            rule = self._rule(entry, ("rules", i), context)
            if rule is not None:
                own.append(rule)
        if preset is not None and not (isinstance(preset, str) and preset in self.presets):
            advice = did_you_mean(str(preset), list(self.presets)) or f"known: {', '.join(self.presets)}"
            self.problem(("preset",), f"no preset `{preset}`", advice)
            return own
        if preset is None and document.get("rules") is None:
            preset = "default"
        taken = {rule.id for rule in own}
        inherited = self._preset(str(preset), context) if preset is not None else []
        return numbered([rule for rule in inherited if rule.id not in taken] + own)

    def _told_by_preset(self, name: Any) -> dict[str, Any]:
        """The baseline and the milestones of a preset; what the file says itself takes their place."""
        preset = (self.presets.get(name) if isinstance(name, str) else None) or {}
        return {key: preset[key] for key in ("metric", "baseline", "milestones") if key in preset}

    def _preset(self, name: str, context: Context) -> list[Rule]:
        inner = RulesReader({})
        rules = [inner._rule(entry, ("rules", i), context) for i, entry in enumerate((self.presets.get(name) or {}).get("rules") or ())]
        return [rule for rule in rules if rule is not None]

    def _rule(self, entry: Any, loc: Loc, context: Context) -> Rule | None:
        given: Any = {}
        inner: Loc = loc
        if isinstance(entry, str):
            kind = entry
        elif isinstance(entry, Mapping) and len(entry) == 1:
            kind, given = next(iter(entry.items()))
            inner = (*loc, kind)
        else:
            self.problem(loc, "a rule is a name or one name with its parameters", "write - stall: {after: 30m}")
            return None
        known = kinds()
        if kind not in known:
            advice = did_you_mean(str(kind), list(known)) or f"known: {', '.join(known)}"
            self.problem(inner, f"unknown rule `{kind}`", advice, on_key=inner != loc)
            return None
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            self.problem(inner, f"the parameters of {kind} are a mapping", f"write - {kind}: {{key: value}}")
            return None
        try:
            return known[kind].model_validate(dict(given)).build(context)
        except ValidationError as wrong:
            self._explain(wrong, inner, kind)
            return None
        except MalformedError as wrong:
            self.problem(inner, wrong.problem, wrong.advice)
            return None

    def _explain(self, wrong: ValidationError, loc: Loc, kind: str) -> None:
        fields = kinds()[kind].model_fields
        names = [info.alias or name for name, info in fields.items()]
        for error in wrong.errors():
            place = tuple(part for part in error["loc"] if isinstance(part, (str, int)))
            if error["type"] == "extra_forbidden":
                key = str(place[-1])
                advice = did_you_mean(key, names) or f"{kind} takes {', '.join(names)}"
                self.problem((*loc, *place), f"unknown key `{key}`", advice, on_key=True)
            elif error["type"] == "missing":
                self.problem(loc, f"{kind} needs `{place[-1]}`", f"write - {kind}: {{{place[-1]}: ...}}", on_key=True)
            else:
                message = str(error.get("ctx", {}).get("error") or error["msg"])
                problem, _, advice = message.partition("; ")
                self.problem((*loc, *place), problem, advice)


def build_milestone(form: MilestoneForm, default_metric: str) -> Milestone:
    """The rule of a form; its id is ``step-50``, with the metric before it when that is not the default."""
    metric = form.metric or default_metric
    plain = f"{form.axis}-{form.step:g}" if form.step < 1e6 else f"{form.axis}-{form.step:.15g}"
    name = form.name or (plain if metric == default_metric else f"{metric}-{plain}")
    return Milestone(
        id=name, kind="milestone", severity=form.severity or Severity.WARNING, topics=frozenset({metric, ANY_METRIC, ENDED}),
        metric=metric, axis=form.axis, step=form.step, expect=form.expect, worry=form.worry,
    )  # fmt: skip


def numbered(rules: Sequence[Rule]) -> list[Rule]:
    """The same rules with ids made unique: a second ``pattern`` without a name is ``pattern-2``."""
    seen: dict[str, int] = {}
    unique: list[Rule] = []
    for rule in rules:
        seen[rule.id] = seen.get(rule.id, 0) + 1
        unique.append(rule if seen[rule.id] == 1 else replace(rule, id=f"{rule.id}-{seen[rule.id]}"))  # type: ignore[type-var]
    return unique


def did_you_mean(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""
