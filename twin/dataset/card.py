"""A manifest -> the card of a dataset: the README.md by which a hub shows it and `datasets` finds its tables. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from twin.dataset.manifest import TEST, TRAIN, Manifest


def card(manifest: Manifest) -> str:
    """What the dataset holds, what it was made of and how, by which digest; on top, where each table lies."""
    about = manifest.generator
    made = {
        "digest": f"`{manifest.digest}`",
        "examples": f"{manifest.examples:,} of {manifest.documents:,} documents in {manifest.groups:,} groups",
        "generator": f"{about.name} {about.model}".rstrip(),
        "prompt": f"`{about.prompt_digest}`" if about.prompt_digest else "none",
        "seed": f"{manifest.seed}",
        "held out": f"{manifest.test_share:.0%} of the documents",
    }
    counts = [f"| {kind} | {sides[TRAIN]:,} | {sides[TEST]:,} |" for kind, sides in manifest.counts.items()]
    dropped = [
        f"| {one.name} | {one.dropped:,} | {', '.join(f'{times:,} {why}' for why, times in one.reasons.items())} |"
        for one in manifest.filters
    ]
    lines = [
        *("---", "tags: [llm-twin]", "configs:", *_configs(manifest), "---", ""),
        *("# Dataset of an LLM Twin", ""),
        "Examples made of one author's, or one team's, own writing: do not use them to pass for its authors. No document and",
        "no near-duplicate stands on both sides.",
        *("", "| made of | |", "|---|---|", *(f"| {name} | {value} |" for name, value in made.items())),
        *("", "| kind | train | test |", "|---|---|---|", *counts),
        *("", "| filter | dropped | why |", "|---|---|---|", *dropped),
        *("", "`manifest.json` holds the same, and the digest of each file."),
    ]
    return "\n".join(lines) + "\n"


def _configs(manifest: Manifest) -> Iterator[str]:
    """The tables that hold examples: `datasets` takes an empty one for an error."""
    for kind, sides in manifest.counts.items():
        if any(sides.values()):
            yield f"- config_name: {kind}"
            yield "  data_files:"
            for side in (TRAIN, TEST):
                if sides[side]:
                    yield f"  - {{split: {side}, path: {kind}/{side}.{manifest.format}}}"
