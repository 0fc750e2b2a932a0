"""Catalogues: what the event types, resource types and actions of a source are called and what they mean.

A catalogue describes, it does not decide: events whose type no catalogue lists are taken, stored and offered like any
other.  It is a YAML file::

    catalogue: harbr                      # its name, that of the file
    title: Harbr activity log
    description: …
    profiles: [harbr]                     # the agent's profiles whose events these are
    lists:
      - kind: event_type                  # event_type, resource_type, action, outcome or object
        groups_in: [module, details.group]    # event fields that hold the name of a group
        groups:
          - name: Subscription
            description: …
            aliases: [Suscription]        # other spellings of the group's name that are met
            category: data                # for every entry that does not say otherwise; so are action and outcome
            applies_to: [SUBSCRIPTION]    # resource types that the entries are for; none: any
            entries:
              - name: Subscription removal failed
                description: …
                action: delete
                outcome: failure
                hidden: true              # stored and found like all, but not for a page's first view
                aliases: [subscription.remove.failed]
                canonical: subscription_removal   # what the shipped profile makes of it, where it is another name
              - NAME_ALONE
              - IDP_CATALOG_*             # whatever begins with that

The names of a list are those that sources write, compared without regard to case and to what stands between words.
"""

from watchbook.catalogue.lookup import Catalogues, Match, name_key
from watchbook.catalogue.model import KINDS, Catalogue, Entry, Group, Kind, Listing
from watchbook.catalogue.reading import load_catalogue, load_catalogues

__all__ = [
    "KINDS",
    "Catalogue",
    "Catalogues",
    "Entry",
    "Group",
    "Kind",
    "Listing",
    "Match",
    "load_catalogue",
    "load_catalogues",
    "name_key",
]
