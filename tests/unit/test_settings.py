"""Settings that are refused by name, before anything is done with them."""

from __future__ import annotations

import pytest

from twin.errors import SettingsError
from twin.settings import load


@pytest.mark.parametrize(("key", "value"), [("crawl_delay", "-0.5"), ("embed_threads", "-1")])
def test_a_negative_number_where_there_is_none_is_refused_by_name(tmp_path, key, value):
    with pytest.raises(SettingsError, match=f"TWIN_{key.upper()}: {key}: .*>= 0"):
        load(tmp_path, {f"TWIN_{key.upper()}": value})
    (tmp_path / "twin.toml").write_text(f"{key} = {value}\n")
    with pytest.raises(SettingsError, match=f"twin.toml: {key}: .*>= 0"):
        load(tmp_path, {})
    assert getattr(load(tmp_path, {f"TWIN_{key.upper()}": "0"}), key) == 0
