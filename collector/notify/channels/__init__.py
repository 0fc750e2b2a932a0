"""The channels: how each kind of receiver is told.  Each takes a document and makes one attempt.

What a kind needs is imported when a channel of it is built: who sends no mail carries no mail library.
"""

import aiohttp

from collector.notify.attempt import Channel
from collector.notify.settings import ChannelSettings
from watchbook.clock import Clock


def make_channel(settings: ChannelSettings, session: aiohttp.ClientSession, clock: Clock) -> Channel:
    """Return the channel that settings describe.  ``session`` belongs to the caller."""
    if settings.webhook is not None:
        from collector.notify.channels.webhook import WebhookChannel

        return WebhookChannel(settings.webhook, session, clock)
    if settings.email is not None:
        from collector.notify.channels.email import EmailChannel

        return EmailChannel(settings.email, clock)
    if settings.alertmanager is not None:
        from collector.notify.channels.alertmanager import AlertmanagerChannel

        return AlertmanagerChannel(settings.alertmanager, session, clock)
    if settings.pagerduty is not None:
        from collector.notify.channels.pagerduty import PagerDutyChannel

        return PagerDutyChannel(settings.pagerduty, session, clock)
    if settings.slack is not None:
        from collector.notify.channels.slack import SlackChannel

        return SlackChannel(settings.slack, session, clock)
    assert settings.apprise is not None
    from collector.notify.channels.apprise import AppriseChannel

    return AppriseChannel(settings.apprise)
