"""What TensorBoard shows of a run: its settings, curves, and the last batch as the averaged network sees it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.data.preprocess import PREPROCESSING, TRIMAP_SCALE
from training.data.samples import Batch
from training.progress import say
from training.run import Run

PICTURES = 4  # samples shown


def picture_sheet(batch: Batch, predicted: Tensor, count: int = PICTURES) -> Tensor:
    """[3, n·H, 4·W] float32 in 0..1: a row per sample of image, trimap, true alpha and predicted alpha; 3·W
    without trimap for a network that is fed none."""
    mean, std = (torch.tensor(v, device=batch.input.device)[:, None, None] for v in
                 (PREPROCESSING.mean, PREPROCESSING.std))  # fmt: skip
    image = (batch.input[:count, :3] * std + mean) / 255
    trimap = batch.input[:count, 3:] / (255 * TRIMAP_SCALE)
    parts = [part for part in (trimap, batch.alpha[:count], predicted[:count]) if part.shape[1]]
    columns = torch.cat([image, *(part.expand_as(image) for part in parts)], 3)  # [n, 3, H, 4·W]
    return columns.permute(1, 0, 2, 3).flatten(1, 2).float().clamp(0, 1).cpu()


def averaged_alpha(run: Run) -> Tensor:
    """What the averaged network, which is the one that is kept, says of the last batch: [n, 1, H, W] in 0..1."""
    assert run.last is not None
    with torch.inference_mode():
        alpha: Tensor = run.average(run.last.input[:PICTURES])
    return alpha


class Log:
    """Writes into `folder`; nothing without one, or where tensorboard is not installed.

    first_step: of a resumed run; what was written of it and of later ones, which are taken again, is dropped.
    A disk that is full ends the log and not the run.
    """

    def __init__(self, folder: Path | None, first_step: int = 0):
        self.writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            say("no curves are written: pip install tensorboard")
            return
        with self.guarded():
            self.writer = SummaryWriter(str(folder), purge_step=first_step or None)

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.writer = None
            say(f"the log for TensorBoard ends here: {error}")

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        with self.guarded():
            for name, value in values.items():
                if self.writer is not None:
                    self.writer.add_scalar(f"{group}/{name}", value, step)

    def settings(self, values: Mapping[str, Any], step: int) -> None:
        """As a table."""
        rows = "\n".join(f"| {name} | {value} |" for name, value in values.items())
        with self.guarded():
            if self.writer is not None:
                self.writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}", step)

    def pictures(self, run: Run) -> None:
        """Of the last batch, if there was one."""
        with self.guarded():
            if self.writer is not None and run.last is not None:
                sheet = picture_sheet(run.last, averaged_alpha(run))
                self.writer.add_image("image, trimap, alpha, prediction", sheet, run.step)

    def close(self) -> None:
        with self.guarded():
            if self.writer is not None:
                self.writer.close()
