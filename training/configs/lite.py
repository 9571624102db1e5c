"""The small network on a CPU: many small, varied, cheap samples first, then larger crops for more context.

python -m training.train --config lite --minutes 72 --threads 2 --workers 1 --validate DIR
  stopped after 20 minutes, then continued with
python -m training.train --config lite --minutes 71 --threads 2 --workers 1 --validate DIR --resume --crop 192 --batch 8

Two threads of a shared four-core AVX-512 machine and one that draws, 71 minutes, 8.7 k steps (92 k crops): mean SAD
on GT01–GT09 of alphamatting.com 8.6 with narrow and 11.8 with wide trimaps; 11.4 after 16 minutes. The scenes were
improved along the way, so a new run will differ a little.
"""

from training.settings import Settings

SETTINGS = Settings(model="lite", crop_size=128, batch=16, learning_rate=1.5e-3)
