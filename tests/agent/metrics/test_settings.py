"""Where the metrics port may be opened."""

from pathlib import Path

import pytest

from agent.config import load_settings
from watchbook.configfile import ConfigError

BASE = (
    "collector: {{url: 'http://x', token: t}}\nstate: /x\n"
    "inputs: [{{name: a, files: [/a], profile: jsonl}}]\nmetrics: {}\n"
)


@pytest.mark.parametrize(
    ("metrics", "wrong"),
    [
        ("{listen: '127.0.0.1:9421'}", None),
        ("{listen: '[::1]:9421'}", None),
        ("{listen: '0.0.0.0:9421', allow_remote: true}", None),
        ("{listen: '0.0.0.0:9421'}", "4:19: 'metrics.listen': 0.0.0.0:9421 can be reached from other hosts"),
        ("{listen: '[::]:9421'}", "4:19: 'metrics.listen': [::]:9421 can be reached from other hosts"),
        ("{listen: '9421'}", "4:19: 'metrics.listen': expected an IP address and a port"),
        ("{listen: 'localhost:9421'}", "4:19: 'metrics.listen': expected an IP address and a port"),
        ("{listen: '127.0.0.1:0'}", "4:19: 'metrics.listen': expected an IP address and a port"),
        ("{files_max: -1}", "4:22: 'metrics.files_max': expected zero or more"),
    ],
)
def test_only_what_this_host_reaches_unless_more_is_asked_for(metrics: str, wrong: str | None, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(BASE.format(metrics))
    if wrong is None:
        load_settings(path)
    else:
        with pytest.raises(ConfigError) as caught:
            load_settings(path)
        assert f"{path}:{wrong}" in str(caught.value)
