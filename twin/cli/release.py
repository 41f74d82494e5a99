"""`twin release`: a candidate and the running release -> report -> verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli import kept
from twin.cli.output import Output, OutputOption, say, show, table
from twin.cli.place import Place, place

if TYPE_CHECKING:
    from twin.cli.evaluating import Asking
    from twin.cli.sides import Sides
    from twin.release.evaluate import Trial
    from twin.release.gate import Verdict
    from twin.release.report import Report, Summary

app = typer.Typer(help="Adapter -> release.", no_args_is_help=True, rich_markup_mode=None)

ReportArgument = Annotated[
    str,
    typer.Argument(metavar="REPORT", help="The report's folder, file or pin.", show_default="the newest below .twin/"),
]


@app.callback()
def root() -> None:
    """Adapter -> release: evaluate a candidate, pass it through the gate."""


@app.command()
def evaluate(
    context: typer.Context,
    candidate: Annotated[
        str,
        typer.Option(metavar="[NAME=]PIN", help="Folder or uri#sha256:...; loaded, unless the server has it by NAME."),
    ],
    dataset: Annotated[
        list[str], typer.Option(help="Folder or pin of what was trained on, and of the questions. Again for a parent's.")
    ],
    running: Annotated[
        str, typer.Option(metavar="[NAME=]PIN", help="What runs, in the same way.", show_default="the adapter of release.yaml")
    ] = "",
    base: Annotated[
        str, typer.Option(metavar="NAME=PIN", help="Compare with the base.", show_default="the server's, if nothing runs yet")
    ] = "",
    questions: Annotated[
        Path | None, typer.Option(help="JSONL or YAML of other questions.", show_default="the dataset's test split")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Ask the bare models, without passages.")] = False,
    judge: Annotated[bool, typer.Option("--judge", help="Let the model of judge_url mark the answers.")] = False,
    no_perplexity: Annotated[bool, typer.Option("--no-perplexity", help="For a server that is no vLLM.")] = False,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="A folder with the base's tokenizer.", show_default="the candidate's base, as trained on"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many questions, evenly taken.")] = 1000,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of each answer.")] = 512,
    at_a_time: Annotated[int, typer.Option(min=1, max=256, help="Questions asked at a time.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 0,
    resamples: Annotated[int, typer.Option(min=100, max=1_000_000, help="For the intervals.")] = 10_000,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this folder.", show_default="below .twin/")] = None,
    keep: kept.KeepOption = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds that the model server has to come, if it is not there yet.")] = 0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask candidate and running release the same held-out questions, measure the answers, and write a report."""
    from twin.cli.evaluating import Asking
    from twin.cli.reports import folder_of, save
    from twin.cli.sides import sides

    here = place(context)
    compared = sides(here, candidate, running, base, wait=wait)
    trial = _trial(here, compared, dataset, questions, limit)
    asking = Asking(
        plain=plain,
        judge=judge,
        perplexity=not no_perplexity,
        max_tokens=max_tokens,
        tokenizer=tokenizer,
        folders=compared.folders,
    )
    report = asyncio.run(_evaluated(here, trial, asking, at_a_time=at_a_time, seed=seed, resamples=resamples))
    folder = out or folder_of(here.made() / "reports", report)
    save(folder, report)
    _told(report, folder, kept.keep(here, folder) if keep else "", output)


def _told(report: Report, folder: Path, pin: str, output: Output) -> None:
    """Where a report is, and what it measured."""
    from twin.cli.reports import PAGE, REPORT

    made = {"report": folder / REPORT, "page": folder / PAGE, "digest": report.digest, "questions": len(report.rows)}
    if not show({**made, "pin": pin, "measures": report.measures}, output):
        _print(report)
        say(f"{folder / PAGE}\n`twin release gate {pin or folder}` says whether it passes")


def _trial(here: Place, compared: Sides, datasets: Sequence[str], questions: Path | None, limit: int) -> Trial:
    from twin.cli.trial import read_datasets, read_questions
    from twin.release.evaluate import Trial

    folders = [Path(kept.folder(here, one, here.home / "datasets").partition("#")[0]) for one in datasets]
    training, pins = read_datasets(folders)
    held, asked = read_questions(folders[0], questions)
    step = max(1, len(held) / limit)
    held = [held[int(at * step)] for at in range(min(limit, len(held)))]
    return Trial(
        candidate=compared.candidate,
        running=compared.running,
        held=held,
        training=training,
        inputs={**pins, "questions": asked},
    )


async def _evaluated(here: Place, trial: Trial, asking: Asking, *, at_a_time: int, seed: int, resamples: int) -> Report:
    from twin.cli.evaluating import examiners
    from twin.cli.progress import Progress
    from twin.release.evaluate import evaluate as run

    made = datetime.now(UTC).isoformat(timespec="seconds")
    async with examiners(here, asking, trial) as (by, prepared):
        with Progress("questions") as progress:
            return await run(
                prepared, by, made=made, seed=seed, resamples=resamples, at_a_time=at_a_time, on_progress=progress.set
            )


@app.command()
def gate(
    context: typer.Context,
    report: ReportArgument = "",
    thresholds: Annotated[
        Path | None, typer.Option(help="What must be shown.", show_default="thresholds.yaml of the twin's folder")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Hold a report against the thresholds (exit status 3 when the candidate is refused)."""
    from twin.cli.reports import load, read_thresholds, report_folder, save
    from twin.release.gate import decide, enforce
    from twin.release.report import digest_of

    here = place(context)
    folder, held = load(report_folder(here, report))
    verdict = decide(held, read_thresholds(thresholds or here.folder / "thresholds.yaml"))
    if held.digest == digest_of(held) and not kept.pin_of(report):  # what was fetched stays what its pin says
        save(folder, held, verdict)
    if not show(verdict, output):
        _print_verdict(verdict)
    enforce(verdict)


def _print_verdict(verdict: Verdict) -> None:
    rows = [
        (
            "ok" if check.passed else "no",
            check.measure,
            "" if check.gain is None else f"{check.gain:+.4f}",
            "" if check.low is None or check.high is None else f"{check.low:+.4f} to {check.high:+.4f}",
            check.wanted,
        )
        for check in verdict.checks
    ]
    table(("", "measure", "gain", "interval", "wanted"), rows, right=("gain",))
    if verdict.passed:
        say("pass: the candidate may be promoted")


@app.command("show")
def show_report(context: typer.Context, report: ReportArgument = "", output: OutputOption = Output.TABLE) -> None:
    """Show a report and the verdict on it."""
    from twin.cli.reports import PAGE, load, report_folder, verdict_of
    from twin.release.report import digest_of

    here = place(context)
    folder, held = load(report_folder(here, report))
    verdict = verdict_of(folder, held)
    if show({"report": held, "verdict": verdict}, output):
        return
    if held.digest != digest_of(held):
        say("this report was changed after it was made; the gate will refuse it")
    _print(held)
    for reason in verdict.reasons if verdict else ():
        say(f"refused: {reason}")
    say(f"{'not judged yet' if verdict is None else verdict.verdict} · {folder / PAGE}")


def _print(report: Report) -> None:
    rows = [(name, *_cells(summary)) for name, summary in report.measures.items()]
    columns = ("measure", "running", "candidate", "difference", "95 % interval", "questions")
    table(columns, rows, right=columns[1:4], empty="nothing was measured")


def _cells(summary: Summary) -> tuple[str, ...]:
    if summary.difference is None:
        return "", "", "", "", "0"
    numbers = (summary.running, summary.candidate)
    return (
        *(f"{number:.4f}" for number in numbers if number is not None),
        f"{summary.difference:+.4f}",
        f"{summary.low:+.4f} to {summary.high:+.4f}",
        str(summary.questions),
    )
