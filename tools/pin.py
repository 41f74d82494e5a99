"""dist/images.json and the release on staging -> one commit on staging that pins the new images, and nothing else.

Not `twin release promote`: that wants a report on a new candidate, and here adapter, index and prompt stay as they were judged.
So the code's prompt must be the one that was judged (else exit status 3), and nothing is ever forced: of two pushes one wins.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from twin.answer.prompt import Prompt
from twin.release.reading import read
from twin.release.release import Images, Release, following, write

BRANCH, FILE, PUSHED = "staging", Path("release.yaml"), Path("dist/images.json")
ROBOT = ["-c", "user.name=github-actions[bot]", "-c", "user.email=41898282+github-actions[bot]@users.noreply.github.com"]


def repinned(release: Release, images: Images, prompt: str, today: str, last: str) -> Release:
    """The same release with these images, under an id after `last`, the greatest that staging ever had.

    Raises ValueError where the code has another prompt than was judged.
    """
    if release.prompt.digest != prompt:
        raise ValueError(
            f"the code's prompt is {prompt}, but release {release.id} was judged with {release.prompt.digest} "
            f"({release.prompt.name}): evaluate with these images, then `twin release promote --pins dist/images.yaml`"
        )
    import msgspec

    return msgspec.structs.replace(release, id=following(today, last), images=images)


def main() -> int:
    """Commit and push; 0 also where there is no release yet, or it has these images already."""
    import msgspec

    images = msgspec.convert(json.loads(PUSHED.read_text()), Images)
    PUSHED.with_suffix(".yaml").write_text(f"images:\n  gateway: {images.gateway}\n  pipelines: {images.pipelines}\n")
    if not FILE.exists():
        print("there is no release on staging yet: make the first with `twin release promote --pins dist/images.yaml`")
        return 0
    release = read(FILE.read_text(), FILE.name)
    if release.images == images:
        print(f"release {release.id} has these images already")
        return 0
    try:
        made = repinned(release, images, Prompt().digest, f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", _last())
    except ValueError as exc:
        print(exc, file=sys.stderr)
        return 3
    FILE.write_text(write(made))
    message = f"Release {made.id}: images of {_git('rev-parse', '--short=12', 'HEAD')}"
    _git(*ROBOT, "commit", "--quiet", "--message", message, str(FILE))
    try:
        _git("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
    except subprocess.CalledProcessError as exc:
        print(
            f"origin refuses the push to {BRANCH}, which moved meanwhile or is protected: {exc.stderr[-300:]}", file=sys.stderr
        )
        return 1
    print(message)
    return 0


def _last() -> str:
    """An id is given once: a release that was rolled back keeps its own."""
    commits = _git("log", "--format=%H", "--", str(FILE)).split()
    found = [re.search(r"^  id: \"?([\d.-]+)", _git("show", f"{commit}:{FILE}"), re.MULTILINE) for commit in commits]
    return max((one[1] for one in found if one), key=lambda one: (one[:10], int(one[11:])))


def _git(*arguments: str) -> Any:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
