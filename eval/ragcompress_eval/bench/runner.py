"""The one program of all studies: questions read, measured, journalled, summed up, written and shown."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import typer

from ragcompress import InputError, RagCompressError, __version__
from ragcompress.cli.console import count_bar, note, out
from ragcompress.data import Progress
from ragcompress.files import file_sha256
from ragcompress.training.examples import DataFile, Example, OnBad, read_files

from . import options
from .journal import Journal, fingerprint, rows_path
from .provenance import provenance, session
from .results import write_json
from .study import Condition, Refused, Row, Study
from .summary import Result, Rows, about, means_of_sets, summarize, table

_BAD_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Questions:
    """What was read: the files as they are, and the questions to be asked of them."""

    files: tuple[DataFile, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a study is run; a group of options of every study (``study_command``)."""

    files: options.Files
    limit: options.Limit = None
    skip: options.Skip = 0
    json_file: options.JsonFile = None
    resume: options.Resume = False
    seed: options.Seed = 0
    by: options.By = "dataset"
    on_bad: options.BadRecords = "stop"

    def read(
        self,
        *,
        parse: Callable[[Path], Sequence[Example]] | None = None,
        change: Callable[[Example], Example] = lambda example: example,
    ) -> Questions:
        """Read the questions, each changed as asked; says which records were skipped.

        Args:
            parse: reads a file that holds no records of questions, such as ``read_files`` reads.

        Raises:
            DataError: for a file or record that can't be used.
            RagCompressError: if there is no question at all.
            typer.BadParameter: for options that don't go together.
        """
        options.check_apart("--json", self.json_file, self.files)
        if self.resume and self.json_file is None:
            raise typer.BadParameter("--resume needs --json: the rows are beside it")
        limit = None if self.limit is None else self.skip + self.limit
        if parse is None:
            read = read_files(self.files, limit=limit, on_bad=self.on_bad)
        else:
            parsed = [(path, tuple(parse(path))) for path in self.files]
            read = tuple(DataFile(path.name, file_sha256(path), len(e), e, ()) for path, e in parsed)
        read = tuple(replace(f, examples=f.examples[self.skip : limit]) for f in read)
        bad = [reason for f in read for reason in f.bad]
        for reason in bad[:_BAD_SHOWN]:
            note(f"skipped: {reason}")
        if len(bad) > _BAD_SHOWN:
            note(f"skipped: {len(bad) - _BAD_SHOWN} more")
        if not any(f.examples for f in read):
            raise RagCompressError("the files hold no question that can be used")
        return Questions(read, tuple(change(e) for f in read for e in f.examples))

    def carry_out(
        self, study: Study, questions: Questions, settings: Mapping[str, Any], *, more: Mapping[str, Any] = {}
    ) -> list[Result]:
        """Run a study: ask what the journal doesn't hold, write the JSON where one is wanted, show the table.

        Args:
            settings: what else all rows rest on, JSON-able; a journal with others is not resumed.
            more: what else stands in the JSON.
        """
        settings = {"on_bad": self.on_bad, **settings}
        rests_on = {"command": study.name, "version": __version__, "seed": self.seed, **settings}
        path = rows_path(self.json_file) if self.json_file else None
        examples = questions.examples
        with Journal(path, settings=rests_on, session=session(), resume=self.resume) as journal:
            with count_bar(study.question) as progress:
                rows = measure_all(study, examples, journal=journal, on_bad=self.on_bad, progress=progress)
            results = summarize(study, examples, rows, seed=self.seed, by=self.by)
            means = means_of_sets(study, results)
            if self.json_file:
                rests_on_files = provenance(
                    questions.files,
                    limit=self.limit,
                    seed=self.seed,
                    settings={
                        **settings,
                        "by": self.by,
                        "skip": self.skip,
                        **_scorer_settings(study, rows),
                    },
                    sessions=journal.sessions,
                )
                content = {"results": results, "means": means, "provenance": rests_on_files, **more}
                content["study"] = about(study)
                write_json(self.json_file, {**content, "rows": rows_of(study, examples, rows)})
                journal.finish()
        if results:
            out().print(table(study, [*results, *means], seed=self.seed))
        return results


def study_command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a command of a function: the fields of its parameters that are dataclasses become options.

    Those of ``Run`` come last in the help.
    """
    hints = get_type_hints(function, include_extras=True)
    groups = {name: _options_of(kind) for name, kind in hints.items() if is_dataclass(kind)}
    parameters = []
    for p in sorted(inspect.signature(function).parameters.values(), key=lambda p: hints[p.name] is Run):
        parameter = p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name])
        parameters += groups.get(p.name, [parameter])

    def command(**given: Any) -> None:
        for name, members in groups.items():
            given[name] = hints[name](**{p.name: given.pop(p.name) for p in members})
        function(**given)

    command.__doc__, command.__name__ = function.__doc__, function.__name__
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return command


def _options_of(group: Any) -> list[inspect.Parameter]:
    """The fields of a dataclass as parameters, which typer reads."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            f.name, inspect.Parameter.KEYWORD_ONLY, default=_default(f), annotation=hints[f.name]
        )
        for f in fields(group)
    ]


def _default(option: Field[Any]) -> Any:
    if option.default_factory is not MISSING:
        return option.default_factory()
    return inspect.Parameter.empty if option.default is MISSING else option.default


def measure_all(
    study: Study,
    examples: Sequence[Example],
    *,
    journal: Journal | None = None,
    on_bad: OnBad = "stop",
    progress: Progress = lambda done, total: None,
) -> dict[str, list[Row | None]]:
    """Measure every question under every condition, question by question.

    Args:
        journal: takes every row as soon as it is there; what it holds is not measured again.
        on_bad: what a question does that a condition refuses: ``stop`` raises, ``skip`` notes why.
        progress: called with (rows done, rows in all).

    Raises:
        RagCompressError: says which condition refused which question.
        InputError: if rows of the journal were made with other settings.
    """
    journal = journal or Journal(None, settings={})
    rows: dict[str, list[Row | None]] = {c.name: [] for c in study.conditions}
    about: dict[str, Mapping[str, Any]] = {}
    total = len(examples) * len(study.conditions)
    for number, example in enumerate(examples):
        sha256 = fingerprint(example)
        for done, condition in enumerate(study.conditions, number * len(study.conditions) + 1):
            row = _measure(study, example, condition, (condition.name, example.id, sha256), journal, on_bad)
            if row is not None and row.refused is None:
                _check_about(condition, about.setdefault(condition.name, row.about), row.about)
            rows[condition.name].append(row)
            progress(done, total)
    return rows


def _measure(
    study: Study,
    example: Example,
    condition: Condition,
    key: tuple[str, ...],
    journal: Journal,
    on_bad: OnBad,
) -> Row | None:
    """The journal's row, or else a new one."""
    if key not in journal.rows:
        try:
            row = study.measure(example, condition)
        except Refused as refused:
            if on_bad == "stop":
                raise RagCompressError(
                    f"{condition.name}, question {example.id!r}: {refused.reason}"
                ) from refused
            row = Row(refused=str(refused.reason))
        journal.add(key, {"dataset": example.dataset, "row": None if row is None else asdict(row)})
    stored = journal.rows[key]["row"]
    return None if stored is None else Row(**stored)


def _check_about(condition: Condition, first: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """See that a row goes with the others: they may come from an earlier session."""
    if json.dumps(first) != json.dumps(now):
        raise InputError(
            f"{condition.name}: rows made with {dict(first)} and with {dict(now)} don't go together; "
            "start over with another --json"
        )


def _scorer_settings(study: Study, rows: Rows) -> dict[str, Any]:
    """What the scorers were set to, by name; nothing for a study without them."""
    settings: dict[str, Any] = {}
    for condition in study.conditions:
        name = condition.labels.get("scorer")
        done = [r for r in rows[condition.name] if r is not None and r.refused is None]
        if name is not None and done:
            settings.setdefault(str(name), dict(done[0].about))
    return {"scorers": settings} if settings else {}


def rows_of(study: Study, examples: Sequence[Example], rows: Rows) -> list[dict[str, Any]]:
    """All rows, ready for JSON, without the scores of single sentences: those are in the journal."""
    return [
        {
            "dataset": example.dataset,
            "id": example.id,
            "sha256": fingerprint(example),
            **condition.labels,
            **row.values,
            "refused": row.refused,
        }
        for index, example in enumerate(examples)
        for condition in study.conditions
        if (row := rows[condition.name][index]) is not None
    ]
