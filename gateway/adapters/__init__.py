"""The kinds of sources there are: for each the settings it takes, and how it is made of them.

A module a kind. Its section of the settings has a `tag`, by which `kind = "…"` chooses it, and builds the
adapter; `gateway.settings` lists the sections, and `assembling` puts what they build behind the ports.
"""
