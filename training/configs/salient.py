"""The network that finds objects in a picture alone, a quarter as wide as VGG16.

python -m training.train --config salient --minutes 60 --validate scenes
  on drawn scenes; with --data DIR on pictures and masks in the layout of MSRA-B or DUTS
"""

from training.settings import Settings

SETTINGS = Settings(model="salient", task="segmentation", crop_size=320, batch=8, learning_rate=1.5e-3)
