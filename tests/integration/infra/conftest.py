import pytest

from tests.doubles.aws import REGION
from tests.integration.infra.aws import LocalAws, Root


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    server = LocalAws(tmp_path_factory.mktemp("aws")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def infra(tmp_path_factory):
    return tmp_path_factory.mktemp("infra") / "infra"
