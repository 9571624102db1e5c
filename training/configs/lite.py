r"""The small network on a CPU: many small, varied, cheap samples first, then larger crops for more context.

python -m training.train --config lite --minutes 72 --threads 2 --workers 1 --validate DIR
  and with larger crops, from its result on
python -m training.train --config lite --minutes 100 --threads 3 --workers 2 --validate DIR --init CHECKPOINT \
  --crop 192 --batch 12
python -m training.train --config lite --minutes 89 --threads 3 --workers 2 --validate DIR --init CHECKPOINT \
  --crop 192 --batch 12 --learning-rate 1e-3

On a shared four-core AVX-512 machine the first takes the mean SAD on GT01–GT09 of alphamatting.com, narrow trimaps,
to about 8.6 (after 16 minutes 11.4), the second to 7.3 (after 30, 42, 72 and 84 minutes: 8.2, 7.8, 7.5, 7.3), the
third to 7.0. The weights that are shipped took further runs, on scenes that were improved along the way, and the mean
of several (`training.average`); their model card says how many steps.
"""

from training.settings import Settings

SETTINGS = Settings(model="lite", crop_size=128, batch=16, learning_rate=1.5e-3, bank=256)
