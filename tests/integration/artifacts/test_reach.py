"""Whether the place of artifacts answers, as `twin doctor` asks: once, at once, and leaving nothing there."""

from __future__ import annotations

import pytest

from tests.servers import free_port
from twin.drivers.artifacts import Artifacts
from twin.errors import ArtifactError


async def test_a_place_that_answers_says_where_it_is_and_stays_empty(place):
    assert (await place.artifacts().reach()).endswith(place.root.removeprefix("s3:"))
    assert not place.files()


async def test_a_bucket_that_is_not_there_is_named(s3, credentials):
    with pytest.raises(ArtifactError, match="s3://no-such-bucket/x: .*NoSuchBucket"):
        await Artifacts("s3://no-such-bucket/x", s3.url).reach()


async def test_a_wrong_secret_is_named(bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ArtifactError, match="refuses the credentials"):
        await bucket.artifacts().reach()


@pytest.mark.timeout(10)
async def test_a_server_that_is_gone_is_said_at_once(credentials):
    with pytest.raises(ArtifactError, match="check s3_endpoint"):
        await Artifacts("s3://bucket/x", f"http://127.0.0.1:{free_port()}").reach()
