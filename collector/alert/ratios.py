"""How often each rule was right: the dispositions of its alerts."""

from typing import Any, Final

from collector.alert.acts import DISPOSITIONS
from collector.alert.rows import ALERTS
from collector.locked import LockedConnection
from watchbook.clock import SECOND_US

DAYS_MAX: Final = 366


def ratios(state: LockedConnection, now: int, days: int) -> dict[str, Any]:
    """Return, for each rule with alerts that opened in the last days, how many there were and what they turned out.

    ``ratio`` is the share of true positives among those that somebody judged; it is not there when nobody did.  The
    rule with the most alerts stands first.
    """
    sums = ", ".join(f"coalesce(sum(disposition = '{each}'), 0)" for each in DISPOSITIONS)
    rows = state.rows(
        f"select rule_id, max(title), count(*), coalesce(sum(status <> 'resolved'), 0), {sums} from {ALERTS} "
        "where opened >= ? and shadow = 0 group by rule_id order by 3 desc, 1", now - days * 86_400 * SECOND_US,
    )  # fmt: skip
    return {"days": days, "rules": [_document(*row) for row in rows]}


def _document(rule_id: str, title: str, alerts: int, unresolved: int, *counts: int) -> dict[str, Any]:
    found = dict(zip(DISPOSITIONS, counts, strict=True))
    judged = sum(counts)
    document = {"rule_id": rule_id, "title": title, "alerts": alerts, "unresolved": unresolved, **found}
    return document | ({"ratio": round(found["true_positive"] / judged, 4)} if judged else {})
