import uuid

import pytest

from tests.servers import FerretDB
from twin.drivers.mongo import MongoDocuments
from twin.drivers.sqlite import SqliteDocuments


@pytest.fixture(scope="session")
def ferretdb(tmp_path_factory):
    server = FerretDB(tmp_path_factory.mktemp("ferretdb")).start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "mongo"])
def make_store(request, tmp_path):
    """A function that makes one more, unopened, store over the same data, as another process would."""
    if request.param == "sqlite":
        return lambda **_: SqliteDocuments(tmp_path / "documents.db")
    url = request.getfixturevalue("ferretdb").url(f"t{uuid.uuid4().hex[:12]}")
    return lambda **options: MongoDocuments(url, **options)


@pytest.fixture
async def store(make_store):
    made = make_store()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def second(make_store, store):
    """The same data through a connection of its own; `store` opened first."""
    made = make_store()
    await made.open()
    yield made
    await made.close()
