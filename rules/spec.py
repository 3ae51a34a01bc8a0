"""A rules file as values: what its keys mean, every mistake with its place, and the finished rules.

Takes plain data (mappings, lists, strings; every scalar as the text that was written, since YAML 1.1 would make a Norwegian
``no`` False and ``1e-3`` a string) and gives a ``Rulebook`` or all the problems, each with the path of keys that leads to it.
Reading the file and finding line and column are the business of ``monitor/yamlfile.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from rules.conditions import kinds
from rules.conditions.baseline import PREVIOUS
from rules.entries import did_you_mean
from rules.kind import Context
from rules.milestone import MalformedError, Milestone
from rules.milestone_entries import MilestoneEntries
from rules.observation import VAL_LOSS
from rules.problem import Loc
from rules.rule import Rule

TOP_KEYS = ("version", "metric", "preset", "baseline", "milestones", "rules", "notify", "tests")
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


class RulesReader(MilestoneEntries):
    """Reads one document and gathers its problems instead of stopping at the first."""

    def __init__(self, presets: Mapping[str, Any], curves: CurvesOf | None = None) -> None:
        super().__init__()
        self.presets = presets
        self.curves = curves

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


def numbered(rules: Sequence[Rule]) -> list[Rule]:
    """The same rules with ids made unique: a second ``pattern`` without a name is ``pattern-2``."""
    seen: dict[str, int] = {}
    unique: list[Rule] = []
    for rule in rules:
        seen[rule.id] = seen.get(rule.id, 0) + 1
        unique.append(rule if seen[rule.id] == 1 else replace(rule, id=f"{rule.id}-{seen[rule.id]}"))  # type: ignore[type-var]
    return unique
