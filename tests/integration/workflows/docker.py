"""A Docker daemon for tests: the machine's, or one of their own; and an image whose containers see this machine's programs.

There is no registry to pull a base from, and building the real image takes minutes: this one is empty, and a container gets the
folders of this machine, read-only, in place of a base's.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
OWN = {
    "proc",
    "sys",
    "dev",
    "tmp",
    "run",
    "var",
    "twin",
    "lost+found",
    "boot",
    "mnt",
    "media",
    "srv",
}  # not given, or of its own
READY_WITHIN = 30.0


@contextmanager
def daemon() -> Iterator[None]:
    """A daemon that answers, in the environment. Raises AssertionError, saying what to install."""
    if _answers():
        yield
        return
    if not shutil.which("dockerd"):
        subprocess.run([str(ROOT / "tools" / "install-package"), "docker.io"], check=True)
    assert os.geteuid() == 0, "no Docker daemon answers, and only root can start one: start it (`systemctl start docker`)"
    folder = Path(tempfile.mkdtemp(prefix="d", dir="/tmp"))  # short, as the names of its sockets must be
    address = f"unix://{folder}/docker.sock"
    options = ("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["dockerd", "--host", address, *options, "--storage-driver", "vfs"], stdout=log, stderr=log)
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = address
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not _answers():
            alive = process.poll() is None and time.monotonic() < deadline
            assert alive, f"dockerd did not come up: {(folder / 'log').read_text()[-1000:]}"
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(20)
        subprocess.run(["umount", str(folder / "exec" / "netns" / "default")], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("DOCKER_HOST")
        if before:
            os.environ["DOCKER_HOST"] = before


def _answers() -> bool:
    import docker
    from docker.errors import DockerException

    try:
        return bool(docker.from_env(timeout=5).ping())
    except DockerException:
        return False


def image(name: str) -> None:
    """An image of nothing but the places where folders of this machine are put, with `twin` on its path."""
    import docker

    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for folder in ("tmp", "twin", "work"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(entry)
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    changes = ["WORKDIR /twin", f"ENV PATH={path} PYTHONPATH={ROOT} OMP_NUM_THREADS=1"]
    docker.from_env().api.import_image_from_data(made.getvalue(), repository=name, tag="latest", changes=changes)


def mounts(**writable: Path) -> list[Any]:
    """This machine's folders, read-only, and those in `writable` by their place; our own programs also where that hides them."""
    from docker.types import Mount

    there = [path for path in sorted(Path("/").iterdir()) if path.is_dir() and path.name not in {*OWN, *writable}]
    ours = [Path(sys.prefix), Path(sys.base_prefix), ROOT]
    hidden = [path for path in ours if path.parts[1] in {*OWN, *writable}]
    given = [Mount(str(path), str(path), type="bind", read_only=True) for path in (*there, *hidden)]
    return given + [Mount(f"/{place}", str(path), type="bind") for place, path in writable.items()]
