"""Manifests that somebody else wrote: none leads outside the folder, and none passes for what it is not."""

import msgspec
import pytest

from twin.digest import bytes_digest, files_digest
from twin.drivers.artifacts import Artifacts
from twin.drivers.artifacts.files import FileBlobs
from twin.drivers.artifacts.manifest import PIECE, manifest_key, piece_key
from twin.errors import ArtifactError, DigestError
from twin.records import Artifact

DATA = b"owned"
FILE = {"digest": bytes_digest(DATA), "size": len(DATA)}


async def written(root, manifest, digest=""):
    blobs = FileBlobs(root)
    await blobs.write(piece_key(FILE["digest"]), DATA)
    data = msgspec.json.encode(manifest)
    hex = bytes_digest(data).removeprefix("sha256:")
    await blobs.write(manifest_key(hex), data)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    digests = {name: file["digest"] for name, file in files.items() if "digest" in file} if isinstance(files, dict) else {}
    return Artifact(f"{blobs.root}/{manifest_key(hex)}", digest or files_digest(digests))


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../up", "a//b", "./a", "a/", "", ".", "..", "a\0b"], ids=repr)
async def test_a_path_outside_the_folder_is_refused(tmp_path, name):
    artifact = await written(tmp_path / "kept", {"schema": 1, "files": {name: FILE}})
    with pytest.raises(ArtifactError, match="would lie outside its folder"):
        await Artifacts(str(tmp_path / "kept")).get(artifact, tmp_path / "out" / "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        {"schema": 2, "files": {"a": FILE}},
        {"schema": 1, "files": {"a": FILE}, "more": 1},
        {"schema": 1, "files": {"a": {**FILE, "size": -1}}},
        {"schema": 1, "files": {"a": {**FILE, "digest": "md5:1"}}},
        {"schema": 1, "files": {"a": FILE, "b": FILE}, "single": True},
        {"schema": 1, "files": {"a": {**FILE, "size": 3 * PIECE}}},
        {"schema": 1, "files": {"a": {**FILE, "pieces": [FILE["digest"]]}}},
    ],
)
async def test_what_is_no_manifest_is_refused(tmp_path, manifest):
    artifact = await written(tmp_path / "kept", manifest)
    with pytest.raises(ArtifactError):
        await Artifacts(str(tmp_path / "kept")).get(artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_pieces_that_make_another_file_than_the_pinned_one_are_refused(tmp_path, small_pieces):
    data = [bytes([number]) * small_pieces for number in range(2)]
    for piece in data:
        await FileBlobs(tmp_path / "kept").write(piece_key(bytes_digest(piece)), piece)
    pinned = bytes_digest(b"what was reviewed")
    file = {"digest": pinned, "size": 2 * small_pieces, "pieces": [bytes_digest(piece) for piece in data]}
    artifact = await written(tmp_path / "kept", {"schema": 1, "files": {"a": file}}, files_digest({"a": pinned}))
    with pytest.raises(DigestError, match="the pieces of a are not the file"):
        await Artifacts(str(tmp_path / "kept")).get(artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_file_where_another_needs_a_folder_is_an_error_of_the_artifact(tmp_path):
    artifact = await written(tmp_path / "kept", {"schema": 1, "files": {"a": FILE, "a/b": FILE}})
    with pytest.raises(ArtifactError, match="cannot be written"):
        await Artifacts(str(tmp_path / "kept")).get(artifact, tmp_path / "out")
    assert not (tmp_path / "out").exists()
