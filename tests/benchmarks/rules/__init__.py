"""``make bench-rules``: what many rules cost, with rules and events made up in the style of the community's."""
