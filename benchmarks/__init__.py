"""Measurements and figures; nothing imports this package."""
