"""The small network on a CPU: many small, varied, cheap samples come first.

python -m training.train --config lite --minutes 70 --threads 2 --workers 1
"""

from training.settings import Settings

SETTINGS = Settings(model="lite", crop_size=128, batch=16, learning_rate=1.5e-3)
