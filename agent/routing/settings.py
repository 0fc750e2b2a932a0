"""Settings of choosing profiles by themselves."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting


@dataclass(frozen=True)
class AutoSettings:
    """How the profile is found for inputs whose 'profile' is auto."""

    lines: int = setting("How many of the first lines of each file are looked at.", 50, check=positive)
