import pytest

from tests.integration.release.repositories import IDENTITY, Kept, Remote, git, work
from twin.release.publish import Branches


@pytest.fixture(autouse=True)
def _identity(monkeypatch):
    for key, value in IDENTITY.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def remote(tmp_path):
    return Remote(tmp_path)


@pytest.fixture
def clone(remote):
    """A clone on another branch with work in progress: changed, staged and untracked files."""
    folder = remote.clone("clone")
    git(folder, "checkout", "--quiet", "-b", "feature")
    (folder / "README.md").write_text("Changed.\n")
    (folder / "staged").write_text("staged")
    git(folder, "add", "staged")
    (folder / "untracked").write_text("untracked")
    return folder


@pytest.fixture
def store():
    return Kept()


@pytest.fixture
def at(clone, store):
    return Branches(work(clone), store)
