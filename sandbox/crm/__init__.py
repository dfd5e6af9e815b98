"""Owns the stand-ins of CRMs: one a vendor, each with the same people in its own shapes."""
