"""S3 that fails: errors, broken bodies, wrong credentials, a server that is gone. Real S3 behind a proxy that does harm."""

import asyncio
import logging
import traceback

import pytest

from tests.doubles.s3_faults import S3Faults
from tests.servers import VersityGW, free_port
from twin.digest import folder_files
from twin.drivers.artifacts import Artifacts
from twin.drivers.artifacts.s3 import S3Blobs
from twin.errors import ArtifactError, DigestError


@pytest.fixture
async def faults(s3):
    async with S3Faults(s3.url) as proxy:
        yield proxy


def first(number, what, *, method="", part=""):
    """A fault for the first `number` requests that match."""
    left = [number]

    def fault(request):
        if left[0] and request.method in {method, method or request.method} and part in request.raw_path:
            left[0] -= 1
            return what
        return None

    return fault


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("method", ["HEAD", "PUT", "GET"])
async def test_errors_of_the_server_are_asked_over(bucket, faults, folder, tmp_path, method, status):
    artifacts = bucket.artifacts(faults.url)
    faults.fault = first(2, status, method=method)
    out = await artifacts.get(await artifacts.put(folder), tmp_path / "out")
    assert folder_files(out) == folder_files(folder)


async def test_a_server_that_only_fails_is_named_with_its_status(bucket, faults, folder):
    blobs = S3Blobs(bucket.root, faults.url, retries=2)
    faults.fault = lambda request: 500
    with pytest.raises(ArtifactError, match=r"cannot write k: it answers 500 \(InternalError\); check s3_endpoint"):
        await blobs.write("k", b"data")
    assert faults.count("PUT") == 3


async def test_a_body_that_breaks_off_is_read_again(bucket, faults, folder, tmp_path):
    artifacts = bucket.artifacts(faults.url)
    kept = await artifacts.put(folder)
    faults.fault = first(2, "cut", method="GET", part="/blobs/")
    assert folder_files(await artifacts.get(kept, tmp_path / "out")) == folder_files(folder)


async def test_a_body_that_always_breaks_off_leaves_nothing(bucket, faults, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("twin.drivers.artifacts.s3.ATTEMPTS", 2)
    monkeypatch.setattr("twin.drivers.artifacts.s3.RETRIES", 1)
    artifacts = bucket.artifacts(faults.url)
    kept = await artifacts.put(folder)
    faults.fault = lambda request: "cut" if request.method == "GET" and "/blobs/" in request.raw_path else None
    with pytest.raises(ArtifactError, match="cannot be reached, or breaks off"):
        await artifacts.get(kept, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_body_spoilt_once_on_its_way_is_read_again(bucket, faults, folder, tmp_path):
    artifacts = bucket.artifacts(faults.url)
    kept = await artifacts.put(folder)
    faults.fault = first(1, "spoil", method="GET", part="/blobs/")
    assert folder_files(await artifacts.get(kept, tmp_path / "out")) == folder_files(folder)


async def test_a_body_that_is_always_spoilt_is_refused(bucket, faults, folder, tmp_path):
    artifacts = bucket.artifacts(faults.url)
    kept = await artifacts.put(folder)
    faults.fault = lambda request: "spoil" if request.method == "GET" and "/blobs/" in request.raw_path else None
    with pytest.raises(DigestError, match="is not what its name says"):
        await artifacts.get(kept, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_large_pieces_go_up_in_parts_and_a_failed_part_again(bucket, faults, tmp_path):
    file = tmp_path / "weights"
    file.write_bytes(bytes(range(256)) * (4 * 20 * 1024))  # 20 MiB
    faults.fault = first(2, 500, method="PUT", part="partNumber=2")
    artifacts = bucket.artifacts(faults.url)
    kept = await artifacts.put(file)
    assert {part for part in "123" if faults.count("PUT", f"partNumber={part}&")} == {"1", "2", "3"}
    assert (await artifacts.get(kept, tmp_path / "out")).read_bytes() == file.read_bytes()


async def test_an_interrupted_put_goes_on_where_it_was(bucket, faults, folder, small_pieces):
    artifacts = bucket.artifacts(faults.url)
    going = asyncio.create_task(artifacts.put(folder))
    reached = asyncio.Event()

    def hold_the_eighth(request):
        if faults.count("PUT") < 8:
            return None
        reached.set()
        return "hold"

    faults.fault = hold_the_eighth
    await reached.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert not [name for name in bucket.files() if name.startswith("artifacts/")]
    done = {name for name in bucket.files() if name.startswith("blobs/")}
    assert len(done) >= 4
    faults.fault, before = (lambda request: None), len(faults.seen)
    kept = await artifacts.put(folder)
    written = {path.rpartition("/")[2].partition("?")[0] for method, path in faults.seen[before:] if method == "PUT"}
    assert written.isdisjoint(name.rpartition("/")[2] for name in done)
    await artifacts.check(kept)


async def test_an_interrupted_get_goes_on_where_it_was(bucket, faults, folder, tmp_path, small_pieces):
    artifacts = bucket.artifacts(faults.url)
    kept = await artifacts.put(folder)
    reached, answered = asyncio.Event(), []

    def hold_the_seventh(request):
        if request.method == "GET" and "/blobs/" in request.raw_path:
            if len(answered) == 6:
                reached.set()
                return "hold"
            answered.append(request.raw_path)
        return None

    faults.fault = hold_the_seventh
    going = asyncio.create_task(artifacts.get(kept, tmp_path / "out"))
    await reached.wait()
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    assert not (tmp_path / "out").exists()
    faults.fault, before = (lambda request: None), len(faults.seen)
    assert folder_files(await artifacts.get(kept, tmp_path / "out")) == folder_files(folder)
    again = {path for method, path in faults.seen[before:] if method == "GET"}
    assert len(again & set(answered)) <= 4  # those that were answered and not yet written


@pytest.mark.parametrize(
    ("key", "secret"),
    [(VersityGW.ACCESS, "a-wrong-secret-never-shown"), ("AKIANOBODYKNOWSTHIS0", VersityGW.SECRET)],
    ids=["wrong secret", "unknown key"],
)
async def test_wrong_credentials_are_said_and_never_shown(bucket, folder, tmp_path, monkeypatch, caplog, key, secret):
    kept = await bucket.artifacts().put(folder)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    caplog.set_level(logging.DEBUG)
    for call in (bucket.artifacts().put(folder), bucket.artifacts().get(kept, tmp_path / "out")):
        with pytest.raises(ArtifactError, match="the store refuses the credentials.*check AWS_ACCESS_KEY_ID") as caught:
            await call
        assert not [word for word in (key, secret) if word in told(caught.value) + caplog.text]


async def test_a_refused_session_token_is_said_and_never_shown(bucket, folder, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a-session-token")
    with pytest.raises(ArtifactError, match="it answers 400.*or the credentials") as caught:
        await bucket.artifacts().put(folder)
    assert not [word for word in (VersityGW.ACCESS, VersityGW.SECRET, "a-session-token") if word in told(caught.value)]


def told(error):
    """Everything that could reach a log."""
    return "".join(traceback.format_exception(error)) + repr(error.__dict__) + repr(error.__context__)


async def test_a_bucket_that_is_not_there_is_named(s3, credentials, folder):
    with pytest.raises(ArtifactError, match="s3://no-such-bucket/x: cannot write blobs/.*check the bucket's name"):
        await Artifacts("s3://no-such-bucket/x", s3.url).put(folder)


async def test_a_server_that_is_gone_is_said_to_be(credentials, monkeypatch, folder):
    monkeypatch.setattr("twin.drivers.artifacts.s3.RETRIES", 1)
    with pytest.raises(ArtifactError, match="cannot be reached, or breaks off; check s3_endpoint"):
        await S3Blobs("s3://bucket/x", f"http://127.0.0.1:{free_port()}", retries=1).write("k", b"data")


async def test_a_server_that_does_not_answer_is_given_up(bucket, faults):
    faults.fault = lambda request: "hold"
    with pytest.raises(ArtifactError, match="cannot be reached, or breaks off"):
        await S3Blobs(bucket.root, faults.url, timeout=0.2, retries=1).read("k", 10)


@pytest.mark.parametrize("root", ["s3://AKIAX:secret@bucket/x", "s3://", "s3://bucket/x?secret=1"])
async def test_an_address_with_credentials_or_without_a_bucket_is_refused(root, folder):
    with pytest.raises(ArtifactError) as caught:
        await Artifacts(root).put(folder)
    assert "secret" not in str(caught.value).replace("AWS_SECRET_ACCESS_KEY", "")


async def test_another_kind_of_address_is_refused(folder):
    with pytest.raises(ArtifactError, match="give a path, file:///path or s3://bucket/prefix"):
        await Artifacts("gs://bucket/x").put(folder)
