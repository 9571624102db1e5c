"""What several tests share: the comparator, random networks, pictures."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
