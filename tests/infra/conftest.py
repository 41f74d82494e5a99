"""infra/ applied to a local AWS, once for all tests of this folder (minutes): the last one takes it down again."""

import pytest

from tests.doubles.aws import ACCOUNT, REGION
from tests.infra.aws import LocalAws, Root

REPOSITORY = "ada/twin"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/admin"
ACCESS = (
    f'access={{admin={{principal_arn="{ADMIN}", policy="AmazonEKSClusterAdminPolicy"}}, '
    f'reader={{principal_arn="arn:aws:iam::{ACCOUNT}:role/reader", policy="AmazonEKSViewPolicy", namespaces=["twin-staging"]}}}}'
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "destroy" in item.name)


@pytest.fixture(scope="session")
def aws(tmp_path_factory):
    server = LocalAws(tmp_path_factory.mktemp("aws")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("infra") / "infra"


@pytest.fixture(scope="session")
def state(aws, folder):
    """The root that makes the bucket of states, applied."""
    return Root(aws, folder, "state", f"-var=region={REGION}", "-var=disposable=true").init().apply()


@pytest.fixture(scope="session")
def account(aws, folder, state):
    """What all environments share, applied."""
    more = ("-var=disposable=true", f"-var=repository={REPOSITORY}")
    root = Root(aws, folder, "account", f"-var=region={REGION}", *more)
    return root.init(*_kept(aws, state, "account")).apply()


@pytest.fixture(scope="session")
def cluster(aws, folder, account, state):
    """The cluster of both environments, applied: it has all that each of the others has."""
    files = ("-var-file=../environments/both.tfvars", "-var=disposable=true", f"-var={ACCESS}")
    return Root(aws, folder, "cluster", *files).init(*_kept(aws, state, "shared")).apply()


def _kept(aws, state, key):
    """The arguments of an `init` that keeps a state in the local AWS."""
    settings = {
        "bucket": state.outputs()["bucket"],
        "key": f"{key}.tfstate",
        "region": REGION,
        "use_path_style": "true",
        "endpoints": f'{{s3="{aws.url}"}}',
    }
    return [f"-backend-config={name}={value}" for name, value in settings.items()]
