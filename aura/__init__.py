"""Aura: the wiring. Only this package knows all parts; nothing imports it."""
