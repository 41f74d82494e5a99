"""The environment -> settings: what is ours is read or refused by its name, what Kubernetes adds is neither."""

from pathlib import Path

import pytest

from twin.errors import SettingsError
from twin.settings import load

SERVICES = {
    "TWIN_SERVICE_HOST": "10.96.0.7",
    "TWIN_SERVICE_PORT": "8400",
    "TWIN_SERVICE_PORT_HTTP": "8400",
    "TWIN_PORT": "tcp://10.96.0.7:8400",
    "TWIN_PORT_8400_TCP": "tcp://10.96.0.7:8400",
    "TWIN_PORT_8400_TCP_PROTO": "tcp",
    "TWIN_PORT_8400_TCP_PORT": "8400",
    "TWIN_PORT_8400_TCP_ADDR": "10.96.0.7",
    "TWIN_MODEL_SERVICE_HOST": "10.96.0.8",
    "TWIN_MODEL_PORT": "tcp://10.96.0.8:8000",
    "TWIN_MODEL_PORT_8000_TCP_ADDR": "10.96.0.8",
}


def test_what_kubernetes_says_of_a_service_named_twin_is_no_setting(tmp_path: Path) -> None:
    assert load(tmp_path, SERVICES) == load(tmp_path, {})
    (tmp_path / "twin.toml").write_text("port = 8500\n")
    assert load(tmp_path, SERVICES).port == 8500


def test_a_port_of_ours_is_still_read_and_a_wrong_one_refused(tmp_path: Path) -> None:
    assert load(tmp_path, {"TWIN_PORT": "8600"}).port == 8600
    for wrong in ("8400/tcp", "http://10.96.0.7:8400", ""):
        with pytest.raises(SettingsError, match="environment variable TWIN_PORT: port"):
            load(tmp_path, {"TWIN_PORT": wrong})


@pytest.mark.parametrize("name", ["TWIN_SERVICE", "TWIN_MODEL_PORT", "TWIN_HOST_SERVICE", "TWIN_PORT_TCP"])
def test_what_only_looks_like_it_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: there is no setting"):
        load(tmp_path, {name: "8400"})
