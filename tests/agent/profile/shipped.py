"""The shipped profiles, compiled as the agent compiles them, and short ways to use them in tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.parse import FORMATS
from agent.profile import CompiledProfile, Definition, compile_profile, load_profile, load_profiles
from agent.redact import RedactSettings, make_redactor
from watchbook.shipped import shipped_folder

DEFINITIONS = load_profiles(shipped_folder("config") / "profiles")
READ_US = 1_795_300_000_000_000  # 2026-11-21T22:26:40Z


def compiled(definition: Definition, **options: Any) -> CompiledProfile:
    return compile_profile(definition, FORMATS, make_redactor(RedactSettings()), **options)


def written(folder: Path, text: str) -> Definition:
    """Return the profile of a YAML text."""
    path = folder / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def events(profile: CompiledProfile, lines: Sequence[bytes | str]) -> list[dict[str, Any]]:
    """Return the flat events of lines that must all become events."""
    made = profile([line.encode() if isinstance(line, str) else line for line in lines], READ_US)
    assert not made.unparsed
    return [flat(profile, row) for row in made.rows]


def event(profile: CompiledProfile, line: bytes | str) -> dict[str, Any]:
    """Return the flat event of a line."""
    (only,) = events(profile, [line])
    return only


def flat(profile: CompiledProfile, row: Sequence[Any]) -> dict[str, Any]:
    values = {**profile.constants, **dict(zip(profile.fields, row, strict=True))}
    return {name: value for name, value in values.items() if value is not None}
