"""The gateway as an entry of a rig: a benchmark kept elsewhere that runs services on an upstream of its own.

The rig reads `peer.toml`. Here are the adapters, the token and the requests that its upstream asks for; all
else is the gateway as `gateway.app` composes it.
"""
