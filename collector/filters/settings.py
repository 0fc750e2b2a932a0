"""Settings of saved filters."""

from dataclasses import dataclass

from watchbook.configfile import positive, setting


@dataclass(frozen=True)
class FilterSettings:
    """Limits of saved filters."""

    per_owner_max: int = setting("Most filters that one token's holder may save.", 200, check=positive)
