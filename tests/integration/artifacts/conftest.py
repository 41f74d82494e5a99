import uuid
from pathlib import Path
from random import Random

import pytest

from tests.servers import VersityGW
from twin.drivers.artifacts import Artifacts
from twin.drivers.artifacts import manifest as manifests


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    server = VersityGW(tmp_path_factory.mktemp("s3")).start()
    yield server
    server.stop()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", VersityGW.ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", VersityGW.SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")


class Place:
    """Where artifacts are kept: `root` and `endpoint` for the driver, `folder` with the same blobs as plain files."""

    def __init__(self, root: str, endpoint: str, folder: Path) -> None:
        self.root, self.endpoint, self.folder = root, endpoint, folder

    def artifacts(self, endpoint: str = "") -> Artifacts:
        return Artifacts(self.root, endpoint or self.endpoint)

    def files(self) -> dict[str, Path]:
        """What is stored, by key."""
        return {path.relative_to(self.folder).as_posix(): path for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def bucket(s3, credentials):
    name = f"b{uuid.uuid4().hex[:12]}"
    return Place(f"s3://{name}/a/twin", s3.url, s3.bucket(name) / "a" / "twin")


@pytest.fixture(params=["in a folder", "in S3"])
def place(request, tmp_path):
    if request.param == "in S3":
        return request.getfixturevalue("bucket")
    return Place(str(tmp_path / "kept"), "", tmp_path / "kept")


@pytest.fixture
def artifacts(place):
    return place.artifacts()


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of 64 KiB, so that small files have many."""
    for name in ("manifest", "upload", "download"):
        monkeypatch.setattr(f"twin.drivers.artifacts.{name}.PIECE", 64 << 10)
    return manifests.PIECE


@pytest.fixture
def folder(tmp_path):
    """A folder with files of several sizes and names."""
    made = tmp_path / "adapter"
    contents = {
        "adapter_config.json": b'{"r": 8}',
        "adapter_model.safetensors": Random(1).randbytes(768_000),
        "deep/er/ünïcödé ✓.txt": "größer".encode(),
        "empty": b"",
        "twin.json": b"{}",
    }
    for name, data in contents.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return made
