"""Owns the stand-in of Dataverse's Web API: sign-in, contacts by filter and by key, batches."""

from sandbox.crm.dynamics.app import dynamics_app
from sandbox.crm.dynamics.sign_in import AppRegistration

__all__ = ["AppRegistration", "dynamics_app"]
