"""The paper's network (width 1.0, no batch norm), its encoder from VGG16, its decoder from scratch. Not trained yet.

python -m training.train --config full --encoder vgg16_weights.npz --steps 200000 --workers 14 --validate DIR
  on drawn scenes; with --data Combined_Dataset --backgrounds COCO/train2017 --hard on the paper's data
torchrun --nproc_per_node 8 -m training.train --config full …
  the same on eight GPUs: the batch is shared, the steps are the same ones

Meant for one GPU with 24 GB or more, in bfloat16; neither its memory nor its time was measured. On a CPU it is far
too slow. What to expect is unknown until somebody runs it: peers that train this network on the paper's data report
SAD 50.6 to 66.8 on Composition-1k, and great differences between seeds. The paper's own schedule (learning rate 1e-5,
batch 1, a million steps) was not used: from random weights it hardly moves. With --stage encoder-decoder, then
--stage refiner --init …/checkpoint.pt, then --stage all --init … the stages are the paper's.
"""

from training.settings import Settings

SETTINGS = Settings(model="full", crop_size=320, batch=16, learning_rate=1e-4, warmup_steps=1000, ema=0.9995)
