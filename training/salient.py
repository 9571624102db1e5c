"""The network that finds what a picture is about, without a trimap.

Deep Image Matting's encoder and decoder on three channels. A head beside each stage says what it sees, enlarged to the
picture and trained on its own; those from conv3_3 on, nine of eleven, are fused. No I/O and no training code here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model import Conv, initialise, max_pool, max_unpool

ENCODER = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # channels of VGG16's convolutions
DECODER = (512, 256, 128, 64, 64)  # after each unpooling
CONV6, DECODER_CHANNELS = 512, 512
UNFUSED = 2  # heads, those of the first stages: they see edges and little else


@dataclass(frozen=True)
class SalientConfig:
    """width: channel multiplier, 1.0 is VGG16's; norm: "none" or "batch", which export folds into the convolutions."""

    task: ClassVar[str] = "segmentation"
    network: ClassVar[str] = "salient"
    conv6: ClassVar[str] = "3x3x512"

    width: float = 1.0
    norm: str = "batch"

    def __post_init__(self) -> None:
        if self.norm not in ("none", "batch"):
            raise ValueError(f"norm: expected one of none, batch, got {self.norm!r}")
        if not 0 < self.width <= 4:
            raise ValueError(f"width: expected a number in (0, 4], got {self.width!r}")

    def channels(self, full: int) -> int:
        """The full network's channel count scaled by `width`, at least one."""
        return max(1, round(full * self.width))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


SALIENT_CONFIGS = {
    "salient": SalientConfig(width=0.25),
    "salient-full": SalientConfig(),
}


class Maps(NamedTuple):
    """Before the sigmoid, each [N, 1, H, W]: of each head, and of all that are fused."""

    heads: list[Tensor]
    fused: Tensor


def enlarged(x: Tensor, level: int) -> Tensor:
    """Bilinear, by 2^level. Exports as one ONNX Resize, of whatever size."""
    if level == 0:
        return x
    factor = 2**level
    if torch.onnx.is_in_onnx_export():
        n, c, h, w = x.shape
        scales = torch.tensor([1.0, 1.0, factor, factor])
        return torch.onnx.ops.symbolic(
            "Resize",
            (x, None, scales),
            {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
            dtype=x.dtype,
            shape=(n, c, h * factor, w * factor),
        )
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class SalientObjects(nn.Module):
    """`forward` maps a preprocessed [N, 3, 32·h, 32·w] input (RGB) to a soft mask [N, 1, 32·h, 32·w] in 0..1."""

    def __init__(self, config: SalientConfig | None = None):
        super().__init__()
        self.config = config = config or SalientConfig()
        c, norm, cin = config.channels, config.norm, 3
        self._encoder: list[list[str]] = []  # names, by stage
        heads: list[tuple[str, int]] = []  # what each is beside, and its channels
        for stage, widths in enumerate(ENCODER, start=1):
            names = [f"conv{stage}_{number}" for number in range(1, len(widths) + 1)]
            for name, width in zip(names, widths, strict=True):
                self.add_module(name, Conv(cin, c(width), 3, norm))
                cin = c(width)
            self._encoder.append(names)
            heads.append((names[-1], cin))
        self.conv6 = Conv(cin, c(CONV6), 3, norm)
        self.deconv6 = Conv(c(CONV6), c(DECODER_CHANNELS), 1, norm)
        cin = c(DECODER_CHANNELS)
        heads.append(("deconv6", cin))
        self._decoder = [f"deconv{stage}" for stage in range(len(DECODER), 0, -1)]
        for name, width in zip(self._decoder, DECODER, strict=True):
            self.add_module(name, Conv(cin, c(width), 5, norm))
            cin = c(width)
            heads.append((name, cin))
        self._heads = [f"head_{name}" for name, _ in heads]
        self.training_alone = self._heads[:UNFUSED]  # layers that `forward` does without, and an exported file
        for name, (_, channels) in zip(self._heads, heads, strict=True):
            self.add_module(name, Conv(channels, 1, 1, norm, relu=False))
        self.fuse = Conv(len(heads) - UNFUSED, 1, 1, norm, relu=False)
        self.apply(initialise)
        nn.init.constant_(self.fuse.conv.weight, 1 / (len(heads) - UNFUSED))  # the mean of what the heads say

    def maps(self, x: Tensor) -> Maps:
        """What every head says; training puts a loss on each."""
        seen: list[tuple[Tensor, int]] = []  # feature, and how often it is halved
        positions: list[Tensor] = []
        for level, names in enumerate(self._encoder):
            for name in names:
                x = self.get_submodule(name)(x)
            seen.append((x, level))
            x, indices = max_pool(x)
            positions.append(indices)
        x = self.deconv6(self.conv6(x))
        seen.append((x, len(positions)))
        for name in self._decoder:
            x = self.get_submodule(name)(max_unpool(x, positions.pop()))
            seen.append((x, len(positions)))
        heads = [
            enlarged(self.get_submodule(name)(feature), level)
            for name, (feature, level) in zip(self._heads, seen, strict=True)
        ]
        fused: Tensor = self.fuse(torch.cat(heads[UNFUSED:], 1))
        return Maps(heads, fused)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.maps(x).fused)
