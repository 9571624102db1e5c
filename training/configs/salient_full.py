r"""The network that finds objects at full width, as its author published it, its encoder from VGG16. Not trained yet.

python -m training.train --config salient-full --encoder vgg16_weights.npz --steps 100000 --data DUTS-TR \
  --validate DUTS-TE

Meant for a GPU; neither its memory nor its time was measured.
"""

from training.settings import Settings

SETTINGS = Settings(model="salient-full", task="segmentation", crop_size=320, batch=16, learning_rate=3e-4, ema=0.9995)
