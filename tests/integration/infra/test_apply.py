"""infra/ on a local AWS: it applies, stays as it is described, and leaves nothing behind."""

import pytest

from tests.doubles.aws import REGION
from tests.integration.infra.aws import Root

pytestmark = pytest.mark.timeout(600)


def test_thread(aws, infra):
    account = Root(aws, infra, "account", f"-var=region={REGION}", "-var=disposable=true").init().apply()
    assert account.changes() == {}
    staging = Root(aws, infra, "environment", "-var-file=../environments/staging.tfvars").init().apply()
    assert staging.changes() == {}
    print(account.outputs())
    staging.destroy()
    account.destroy()
    assert account.left() == staging.left() == []
