"""Shows the alert store to the notifications, and the alerts about their channels to it: the rooms share nothing."""

from collections.abc import Collection, Mapping, Sequence

from collector.alert import AlertStore
from collector.alert import AlertView as StoredView
from collector.finding import AlertChange
from collector.notify import AlertView, Transition


class StoredAlerts:
    """The alert store as notifications read it, and write the alerts about their channels.  Any thread may call it."""

    def __init__(self, alerts: AlertStore) -> None:
        self._alerts = alerts

    def transitions_after(self, number: int, limit: int) -> Sequence[Transition]:
        """Return what happened after a transition, oldest first."""
        return list(map(Transition._make, self._alerts.transitions_after(number, limit)))

    def alerts(self, alert_ids: Collection[str]) -> Mapping[str, AlertView]:
        """Return those alerts that there are, as they stand, by id."""
        found = self._alerts.alerts_with_evidence(alert_ids)
        return {alert_id: _view(stored, event_ids) for alert_id, (stored, event_ids) in found.items()}

    def raise_alerts(self, changes: Sequence[AlertChange]) -> None:
        """Write alerts that no rule found."""
        self._alerts.apply(changes, None)


def _view(stored: StoredView, event_ids: Sequence[str]) -> AlertView:
    alert = stored.state
    if stored.status == "resolved" and alert.resolved is None:
        alert = alert._replace(resolved=stored.closed, resolution="by_hand")
    return AlertView(
        alert,
        stored.status,
        _muted(stored),
        stored.closed_by or stored.acknowledged_by,
        stored.closed_note if stored.status == "resolved" else stored.acknowledged_note,
        tuple(event_ids),
    )


def _muted(stored: StoredView) -> str | None:
    if stored.silenced_by is not None:
        return f"silence {stored.silenced_by}"
    return None if stored.inhibited_by is None else f"inhibited by the alert {stored.inhibited_by}"
