"""The explorer at `/`: GraphiQL from our own files, with sign-in by PKCE. Knows nothing of health care."""

from gateway.transport.explorer.page import ExplorerConfig, Sample, explorer_routes

__all__ = ["ExplorerConfig", "Sample", "explorer_routes"]
