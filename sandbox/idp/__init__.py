"""Owns the stand-in identity provider: OpenID Connect, SMART on FHIR and a sign-in page without passwords."""

from sandbox.idp.app import idp_app
from sandbox.idp.personas import Persona, personas
from sandbox.idp.tokens import Tokens

__all__ = ["Persona", "Tokens", "idp_app", "personas"]
