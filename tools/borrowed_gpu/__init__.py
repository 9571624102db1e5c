"""Fifteen minutes on a borrowed GPU: what is packed, run there, and brought home. README.md has the order."""
