"""Folders and files to artifacts and back, the same in a folder and on a real S3 server."""

import asyncio
import filecmp

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin.digest import file_digest, files_digest, folder_files
from twin.drivers.artifacts import Artifacts
from twin.errors import ArtifactError, DigestError
from twin.records import Artifact


def same(left, right):
    return folder_files(left) == folder_files(right)


async def test_a_folder_comes_back_as_it_was(artifacts, folder, tmp_path):
    kept = await artifacts.put(folder)
    assert kept.digest == files_digest(folder_files(folder))
    assert Artifact.parse(str(kept)) == kept
    out = await artifacts.get(kept, tmp_path / "new" / "out")
    assert same(folder, out)


async def test_a_file_comes_back_as_it_was_under_any_name(artifacts, folder, tmp_path):
    file = folder / "adapter_model.safetensors"
    kept = await artifacts.put(file)
    assert kept.digest == file_digest(file)
    assert filecmp.cmp(await artifacts.get(kept, tmp_path / "weights"), file, shallow=False)


async def test_a_large_file_is_kept_in_pieces_and_joined_again(artifacts, folder, tmp_path, place, small_pieces):
    kept = await artifacts.put(folder)
    assert kept.digest == files_digest(folder_files(folder))
    assert max(path.stat().st_size for path in place.files().values()) == small_pieces
    assert same(folder, await artifacts.get(kept, tmp_path / "out"))


@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_a_file_may_end_just_before_at_and_after_a_piece(artifacts, tmp_path, small_pieces, more):
    file = tmp_path / "file"
    file.write_bytes(bytes(number % 251 for number in range(2 * small_pieces + more)))
    kept = await artifacts.put(file)
    assert kept.digest == file_digest(await artifacts.get(kept, tmp_path / "out"))


async def test_files_beside_are_kept_and_do_not_change_the_digest(artifacts, folder, tmp_path):
    first = await artifacts.put(folder, beside={"twin.json"})
    (folder / "twin.json").write_text('{"more": 1}')
    second = await artifacts.put(folder, beside={"twin.json"})
    assert first.digest == second.digest == files_digest(folder_files(folder, exclude={"twin.json"}))
    assert first.uri != second.uri
    assert (await artifacts.get(first, tmp_path / "1") / "twin.json").read_text() == "{}"
    assert (await artifacts.get(second, tmp_path / "2") / "twin.json").read_text() == '{"more": 1}'


async def test_one_file_is_read_without_the_others(artifacts, folder, place):
    kept = await artifacts.put(folder, beside={"twin.json"})
    for file in place.files().values():
        if file.stat().st_size > 1000 and file.suffix != ".json":
            file.unlink()
    assert await artifacts.read(kept, "twin.json") == b"{}"
    assert await artifacts.read(kept, "deep/er/ünïcödé ✓.txt") == "größer".encode()
    assert await artifacts.read(kept, "empty") == b""
    with pytest.raises(ArtifactError, match="has no nothing.json"):
        await artifacts.read(kept, "nothing.json")


async def test_one_file_is_read_only_if_it_is_what_its_digest_says(artifacts, folder, place):
    kept = await artifacts.put(folder)
    spoilt = next(file for file in place.files().values() if file.read_bytes() == b'{"r": 8}')
    spoilt.write_bytes(b'{"r": 9}')
    with pytest.raises(DigestError, match=r"the stored adapter_config.json is not what its name says"):
        await artifacts.read(kept, "adapter_config.json")


async def test_a_large_file_is_not_read_alone(artifacts, folder, small_pieces):
    kept = await artifacts.put(folder)
    with pytest.raises(ArtifactError, match=r"has no adapter_model.safetensors that is small enough"):
        await artifacts.read(kept, "adapter_model.safetensors")


async def test_a_rehearsal_says_what_would_be_kept_and_keeps_nothing(place, folder):
    rehearsed = Artifacts(place.root, place.endpoint, dry_run=True)
    planned = await rehearsed.put(folder, beside={"twin.json"})
    await rehearsed.check(planned)
    assert not place.files()
    with pytest.raises(ArtifactError):
        await place.artifacts().check(planned)
    assert await place.artifacts().put(folder, beside={"twin.json"}) == planned
    await Artifacts(place.root, place.endpoint, dry_run=True).check(planned)


async def test_putting_again_writes_nothing(artifacts, folder, place):
    first = await artifacts.put(folder)
    before = {name: path.stat().st_mtime_ns for name, path in place.files().items()}
    assert await artifacts.put(folder) == first
    assert {name: path.stat().st_mtime_ns for name, path in place.files().items()} == before


async def test_getting_again_finds_it_there_and_asks_for_no_file(artifacts, folder, tmp_path, place):
    kept = await artifacts.put(folder)
    out = await artifacts.get(kept, tmp_path / "out")
    for name, path in place.files().items():
        if name.startswith("blobs/"):
            path.unlink()
    assert await artifacts.get(kept, out) == out


async def test_what_stands_in_the_way_is_left_as_it_is(artifacts, folder, tmp_path):
    kept = await artifacts.put(folder)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter").write_text("mine")
    with pytest.raises(ArtifactError, match="is there already and is not sha256:"):
        await artifacts.get(kept, mine)
    assert [path.name for path in mine.iterdir()] == ["letter"]


@pytest.mark.parametrize("spoil", [b"", b"cut", None], ids=["emptied", "changed", "flipped"])
async def test_a_spoilt_piece_is_refused_and_nothing_appears(artifacts, folder, tmp_path, place, spoil):
    kept = await artifacts.put(folder)
    piece = max((path for name, path in place.files().items() if "blobs/" in name), key=lambda path: path.stat().st_size)
    data = piece.read_bytes()
    piece.write_bytes(data[:-1] + b"x" if spoil is None else spoil)
    with pytest.raises(DigestError, match="is not what its name says"):
        await artifacts.get(kept, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    piece.write_bytes(data)
    assert same(folder, await artifacts.get(kept, tmp_path / "out"))


async def test_an_artifact_under_another_digest_is_refused(artifacts, folder, tmp_path):
    kept = await artifacts.put(folder)
    other = Artifact(kept.uri, "sha256:" + "0" * 64)
    for call in (artifacts.get(other, tmp_path / "out"), artifacts.check(other)):
        with pytest.raises(DigestError, match=r"holds sha256:\w{64}, not sha256:0000"):
            await call
    assert not (tmp_path / "out").exists()


async def test_a_manifest_that_was_edited_is_refused(artifacts, folder, tmp_path, place):
    kept = await artifacts.put(folder)
    manifest = next(path for name, path in place.files().items() if name.startswith("artifacts/"))
    manifest.write_bytes(manifest.read_bytes().replace(b"adapter_config", b"adapter_confiG"))
    with pytest.raises(DigestError, match="its manifest is not what its name says"):
        await artifacts.get(kept, tmp_path / "out")


async def test_check_finds_a_missing_and_a_truncated_piece(artifacts, folder, place):
    kept = await artifacts.put(folder)
    await artifacts.check(kept)
    pieces = sorted(path for name, path in place.files().items() if "blobs/" in name)
    pieces[0].unlink()
    with pytest.raises(ArtifactError, match="lacks 1 of 5 pieces"):
        await artifacts.check(kept)
    assert await artifacts.put(folder) == kept
    await artifacts.check(kept)


async def test_an_artifact_that_was_never_put_is_named(artifacts, folder):
    kept = await artifacts.put(folder)
    gone = Artifact(kept.uri.replace(kept.uri[-69:-5], "f" * 64), kept.digest)
    with pytest.raises(ArtifactError, match="it was removed|it is not there"):
        await artifacts.check(gone)


async def test_many_readers_of_one_artifact_to_one_place_agree(artifacts, folder, tmp_path, place):
    kept = await artifacts.put(folder)
    outs = await asyncio.gather(*(place.artifacts().get(kept, tmp_path / "out") for _ in range(6)))
    assert {str(out) for out in outs} == {str(tmp_path / "out")}
    assert same(folder, tmp_path / "out")
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]


async def test_what_an_interrupted_get_of_another_left_gets_into_no_folder(artifacts, folder, tmp_path, place):
    first = await artifacts.put(folder, beside={"twin.json"})
    (folder / "twin.json").unlink()
    second = await artifacts.put(folder, beside={"twin.json"})
    assert first.digest == second.digest
    piece = max((path for name, path in place.files().items() if "blobs/" in name), key=lambda path: path.stat().st_size)
    aside = piece.rename(piece.with_name("aside"))
    with pytest.raises(ArtifactError):
        await artifacts.get(first, tmp_path / "out")
    aside.rename(piece)
    assert same(folder, await artifacts.get(second, tmp_path / "out"))


async def test_two_writers_of_one_artifact_agree(folder, place):
    kept = await asyncio.gather(*(place.artifacts().put(folder) for _ in range(4)))
    assert len(set(kept)) == 1


async def test_any_artifact_is_read_where_its_uri_says(folder, tmp_path, place):
    kept = await place.artifacts().put(folder)
    elsewhere = Artifacts(str(tmp_path / "other"), place.endpoint)
    assert same(folder, await elsewhere.get(kept, tmp_path / "out"))


async def test_a_link_is_refused_rather_than_left_out(artifacts, folder):
    (folder / "link").symlink_to(folder / "empty")
    with pytest.raises(ArtifactError, match="link: is a link"):
        await artifacts.put(folder)


async def test_an_empty_or_missing_folder_is_named(artifacts, tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ArtifactError, match="nothing: is empty"):
        await artifacts.put(tmp_path / "nothing")
    with pytest.raises(ArtifactError, match="missing: there is no such folder or file"):
        await artifacts.put(tmp_path / "missing")


async def test_a_piece_that_has_grown_is_not_read(artifacts, folder, tmp_path, place, small_pieces):
    kept = await artifacts.put(folder)
    piece = next(path for name, path in place.files().items() if "blobs/" in name)
    with piece.open("ab") as file:
        file.truncate(small_pieces + 1)
    with pytest.raises(ArtifactError, match="65,537 bytes, 65,536 at most are expected"):
        await artifacts.get(kept, tmp_path / "out")


@pytest.mark.parametrize("uri", ["s3://bucket/adapter", "https://example.org/x", "../etc/passwd", "s3://b/artifacts/../x.json"])
async def test_a_uri_that_names_no_artifact_is_refused(artifacts, tmp_path, uri):
    with pytest.raises(ArtifactError, match="is no address of an artifact"):
        await artifacts.get(Artifact(uri, "sha256:" + "0" * 64), tmp_path / "out")


names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=12)
paths = st.lists(names.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=3).map("/".join)


@given(files=st.dictionaries(paths, st.binary(max_size=300), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_files_come_back(files, tmp_path_factory):
    root = tmp_path_factory.mktemp("any")
    made = root / "in"
    made.mkdir()
    for name, data in files.items():
        path = made / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except OSError:  # a file where another needs a folder
            continue
    artifacts = Artifacts(str(root / "kept"))
    kept = await artifacts.put(made)
    assert kept.digest == files_digest(folder_files(made))
    assert same(made, await artifacts.get(kept, root / "out"))
