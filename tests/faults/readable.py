"""Files that may not be read for a while, and very many files."""

import os
import time
from pathlib import Path
from typing import BinaryIO, Final

from tests.faults.trial import Options, Result, Trial

_LINES: Final = 300
_FILES: Final = 5000
_MANY_LINES: Final = 40_000
_MANY_RATE: Final = 4000
_AWAY_S: Final = 1.5
#: Root may read everything; without these it may not.
_NO_OVERRIDE: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", "--")


def permission(options: Options) -> Result:
    """One of two files, then their folder, may not be read: before the first start, across a kill, while it runs."""
    with Trial("permission: denied, then granted", options, quick=True, pattern="*.log") as trial:
        shut, open_ = trial.stand.logs / "shut.log", trial.stand.logs / "open.log"
        with shut.open("ab", buffering=0) as file, open_.open("ab", buffering=0) as other:
            if os.geteuid() == 0:
                trial.stand.agent.prefix = _NO_OVERRIDE
            _append(trial, file, other)
            shut.chmod(0)
            trial.start()
            _wait_while_denied(trial, file, other)
            shut.chmod(0o600)
            trial.wait_until_settled()
            _append(trial, file, other)
            trial.stand.agent.kill()
            shut.chmod(0)
            _append(trial, file, other)
            trial.stand.agent.start()
            trial.wait_until_agent_runs()
            _wait_while_denied(trial, file, other)
            shut.rename(shut.with_name("shut.log.1"))
            _append(trial, file, other)
            shut.with_name("shut.log.1").chmod(0o600)
            trial.wait_until_settled()
            trial.stand.logs.chmod(0)
            _append(trial, file, other)
            time.sleep(_AWAY_S)
            trial.stand.agent.kill()
            trial.stand.agent.start()
            trial.wait_for("the agent to say so", lambda: trial.says("Permission denied"))
            trial.stand.logs.chmod(0o700)
            trial.wait_until_settled()
            trial.wait_for("the agent to be content", lambda: not trial.says("Permission denied"))
        trial.facts.append("a file denied at the first start and across a kill and a rename, its folder across a kill")
        counted = trial.status()["counters"]["app"].get("bytes_lost", 0)
        trial.expect(not counted, f"{counted} bytes are said to be lost, and none is")
        return trial.conclude(log=open_)


def _append(trial: Trial, *files: BinaryIO) -> None:
    for file in files:
        file.write(trial.lines.take(_LINES))


def _wait_while_denied(trial: Trial, shut: BinaryIO, other: BinaryIO) -> None:
    """See that the agent says what it may not read, and reads the other file meanwhile."""
    trial.wait_for("the agent to say so", lambda: trial.says("shut.log: Permission denied"))
    _append(trial, shut)
    number = trial.lines.written
    _append(trial, other)
    trial.wait_for("the other file", lambda: trial.stand.stored_numbers()[number] > 0)


def many(options: Options) -> Result:
    """Lines are appended to random ones of many files, some of which are rotated; the agent is killed meanwhile."""
    with Trial(f"many: {_FILES:,} files", options, pattern="*.log") as trial:
        paths = [trial.stand.logs / f"{number:04}.log" for number in range(_FILES)]
        for path in paths:
            path.touch()
        trial.start()
        seconds, rotated = _MANY_LINES / _MANY_RATE, 0
        kill_at = trial.draw.uniform(0.3, 0.6) * seconds
        began, touched, is_killed = time.monotonic(), set[Path](), False
        while trial.lines.written < _MANY_LINES:
            now = time.monotonic() - began
            while trial.lines.written < min(_MANY_LINES, now * _MANY_RATE):
                path = trial.draw.choice(paths)
                trial.append(trial.draw.randrange(1, 5), path)
                touched.add(path)
            if not is_killed and now > kill_at:
                trial.stand.agent.kill()
                is_killed = True
            if trial.draw.random() < 0.02:
                path = trial.draw.choice(sorted(touched))
                if path.stat().st_size:
                    path.rename(path.with_name(f"{path.name}.{rotated + 1}"))
                    path.touch()
                    rotated += 1
            if is_killed and now > kill_at + _AWAY_S and not trial.stand.agent.is_running():
                trial.stand.agent.start()
            trial.tell(f"written {trial.lines.written:,}")
            time.sleep(0.01)
        trial.facts.append(f"lines in {len(touched):,} of them; {rotated} rotations; agent killed once")
        return trial.conclude(log=paths[0])
