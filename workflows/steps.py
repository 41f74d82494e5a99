"""Every step, once: the words of its command, what it takes, what it gives, and what it needs. Both engines are made of these.

`{name}` in a word stands for an input. What goes from step to step is text: names, and pins of the store of artifacts, whose
digests the next step checks. `gives` names the fields of the command's JSON value that are handed on; `.` is all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_INPUT = re.compile(r"\{([a-z-]+)\}")


class Needs(StrEnum):
    """What a step's pod is made for; an environment says which nodes and how much that is."""

    LIGHT = "light"  # asks servers and writes little
    WORK = "work"  # embeds or generates on a processor
    TRAIN = "train"  # trains: a GPU where there is one
    SERVE = "serve"  # has a model server beside it


_STORES = (
    "TWIN_DOCUMENTS_URL",
    "TWIN_QDRANT_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
)  # AWS_*: of other S3 servers
SECRETS = {  # what each account may know, of the keys of twin-secrets: who reads the web cannot release
    "sync": ("TWIN_DOCUMENTS_URL",),
    "steps": (*_STORES, "TWIN_EMBEDDER_KEY", "TWIN_TEACHER_KEY"),
    "train": (*_STORES, "TWIN_EMBEDDER_KEY", "TWIN_MODEL_KEY", "TWIN_JUDGE_KEY", "HF_TOKEN"),
    "promote": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TWIN_FORGE_TOKEN", "GIT_USERNAME", "GIT_PASSWORD"),
    "notify": ("TWIN_NOTIFY",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of `twin`. `minutes` is when it is given up; `account` whose rights it has."""

    name: str
    help: str
    words: tuple[str, ...]
    gives: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)  # metrics for Prometheus, of outputs that are numbers
    needs: Needs = Needs.LIGHT
    minutes: int = 30
    account: str = "steps"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that come from the environment's secret."""
        return SECRETS[self.account]

    @property
    def takes(self) -> tuple[str, ...]:
        """The inputs that its words name, in their order."""
        return tuple(dict.fromkeys(name for word in self.words for name in _INPUT.findall(word)))

    def filled(self, inputs: Mapping[str, object], outputs: Mapping[str, object]) -> list[str]:
        """The arguments of `twin`, with what an engine writes for an input, and for the file of an output."""
        handed = [word for name, where in self.gives.items() for word in ("--write", f"{where}={outputs[name]}")]
        return handed + [_INPUT.sub(lambda found: str(inputs[found[1]]), word) for word in self.words]


SOURCES = Step(
    name="sources",
    help="List the sources to read",
    words=("documents", "sources", "--source={source}"),
    gives={"names": "."},
    minutes=10,
)
SYNC = Step(
    name="sync",
    help="Make the stored documents of one source equal to it",
    words=("documents", "sync", "--source={name}", "--{mass-delete}-mass-delete"),
    needs=Needs.WORK,
    minutes=240,
    account="sync",
)
BUILD_PART = Step(
    name="build-part",
    help="Write a part of the documents into the index",
    words=("index", "build", "--part={part}"),
    needs=Needs.WORK,
    minutes=720,
)
BUILD = Step(
    name="build",
    help="Write into the index whatever the parts left",
    words=("index", "build"),
    gives={"written": "build.written"},
    measures={"twin_index_chunks_written": "written"},
    needs=Needs.WORK,
    minutes=720,
)
SWITCH = Step(
    name="switch",
    help="Make the index live, if it finds its own documents",
    words=("index", "switch"),
    needs=Needs.WORK,
    minutes=60,
)
PRUNE = Step(name="prune", help="Drop old indexes", words=("index", "prune"))
REPORT = Step(name="report", help="Say which indexes there are", words=("index", "list"), gives={"indexes": "."})
ETL = (SOURCES, SYNC, BUILD_PART, BUILD, SWITCH, PRUNE, REPORT)

DATASET = Step(
    name="dataset",
    help="Make a dataset of the documents and of approved feedback",
    words=("dataset", "build", "--generator={generator}", "--seed={seed}", "--keep"),
    gives={"dataset": "pin", "examples": "examples"},
    measures={"twin_dataset_examples": "examples"},
    needs=Needs.WORK,
    minutes=720,
)
SFT = Step(
    name="sft",
    help="Train an adapter on instructions",
    words=("model", "train", "--recipe=recipe.yaml", "--dataset={dataset}", "--stage=sft", "--keep"),
    gives={"adapter": "pin", "metrics": "metrics"},
    needs=Needs.TRAIN,
    minutes=1440,
    account="train",
)
DPO = Step(
    name="dpo",
    help="Train it on, on preferences",
    words=("model", "train", "--recipe=recipe.yaml", "--dataset={dataset}", "--stage=dpo", "--adapter={adapter}", "--keep"),
    gives={"adapter": "pin", "metrics": "metrics"},
    needs=Needs.TRAIN,
    minutes=1440,
    account="train",
)
SNAPSHOT = Step(
    name="snapshot",
    help="Keep the live index as the one that is judged",
    words=("index", "snapshot"),
    gives={"index": ".", "pin": "snapshot", "chunks": "chunks"},
    measures={"twin_index_chunks": "chunks"},
    needs=Needs.WORK,
    minutes=120,
)
EVALUATE = Step(
    name="evaluate",
    help="Ask the candidate and what runs the same questions, and write a report",
    words=(
        "release",
        "evaluate",
        "--candidate={adapter}",
        "--dataset={dataset}",
        "--limit={questions}",
        "--wait=1800",
        "--keep",
    ),
    gives={"report": "pin"},
    needs=Needs.SERVE,
    minutes=480,
    account="train",
)
GATE = Step(name="gate", help="Hold the report against the thresholds", words=("release", "gate", "{report}"))
PROMOTE = Step(
    name="promote",
    help="Release the candidate to staging: a commit, or a request where a forge is set",
    words=(
        "release",
        "promote",
        "{report}",
        "--adapter={adapter}",
        "--dataset={dataset}",
        "--index={index}",
    ),
    gives={"release": "release"},
    account="promote",
)
TRAINING = (DATASET, SFT, DPO, SNAPSHOT, EVALUATE, GATE, PROMOTE)

KEEP_DOCUMENTS = Step(
    name="keep-documents",
    help="Keep the stored documents in the store of artifacts",
    words=("documents", "snapshot"),
    gives={"documents": "snapshot"},
    needs=Needs.WORK,
    minutes=120,
)
TELL = Step(
    name="tell",
    help="Tell people what was kept, so that it can be found when everything else is gone",
    words=(
        "workflows",
        "notify",
        "--workflow={workflow}",
        "--status=Succeeded",
        "--message=documents: {documents}\nindex: {snapshot}",
    ),
    minutes=5,
    account="notify",
)
BRING_DOCUMENTS = Step(
    name="bring-documents",
    help="Make the stored documents equal to those of a snapshot",
    words=("documents", "restore", "{documents}", "--{mass-delete}-mass-delete"),
    needs=Needs.WORK,
    minutes=240,
)
RESTORE = Step(
    name="restore",
    help="Make an index again from its snapshot, and make it live if it finds its own documents",
    words=("index", "restore", "{snapshot}", "--replace", "--switch"),
    needs=Needs.WORK,
    minutes=240,
)
NOTIFY = Step(
    name="notify",
    help="Tell people how a run ended",
    words=("workflows", "notify", "--workflow={workflow}", "--status={status}", "--failures={failures}", "--seconds={seconds}"),
    minutes=5,
    account="notify",
)
