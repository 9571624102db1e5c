"""What TensorBoard shows of a run: curves, and pictures of the last batch."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from training.data.preprocess import PREPROCESSING
from training.data.samples import Batch

PICTURES = 4  # samples shown


def picture_sheet(batch: Batch, predicted: Tensor, count: int = PICTURES) -> Tensor:
    """[3, n·H, 4·W] float32 in 0..1: a row per sample of image, trimap, true alpha and predicted alpha."""
    mean, std = (torch.tensor(v, device=batch.input.device)[:, None, None] for v in
                 (PREPROCESSING.mean, PREPROCESSING.std))  # fmt: skip
    image = (batch.input[:count, :3] * std + mean) / 255
    trimap = batch.input[:count, 3:] / (255 * PREPROCESSING.trimap_scale)
    grays = [part.expand_as(image) for part in (trimap, batch.alpha[:count], predicted[:count])]
    columns = torch.cat([image, *grays], 3)  # [n, 3, H, 4·W]
    return columns.permute(1, 0, 2, 3).flatten(1, 2).float().clamp(0, 1).cpu()


class Log:
    """Writes into `folder`; nothing without one, or where tensorboard is not installed."""

    def __init__(self, folder: Path | None):
        self.writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.writer = SummaryWriter(str(folder))

    def scalar(self, name: str, value: float, step: int) -> None:
        if self.writer is not None:
            self.writer.add_scalar(name, value, step)

    def pictures(self, batch: Batch, predicted: Tensor, step: int) -> None:
        if self.writer is not None:
            sheet = picture_sheet(batch, predicted)
            self.writer.add_image("image, trimap, alpha, prediction", sheet, step)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
