"""The Deep Image Matting network (Xu et al., CVPR 2017, https://arxiv.org/abs/1703.03872).

A VGG16 encoder with a fourth input channel (the trimap), a decoder that unpools with the encoder's
argmax positions, and a small refiner that sharpens the result. No I/O and no training code here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONV6 = {"1x1x512": (1, 512), "3x3x512": (3, 512), "7x7x4096": (7, 4096)}  # name: (kernel, channels)
STRIDE = 32  # five poolings: height and width must be multiples of this


@dataclass(frozen=True)
class ModelConfig:
    """What decides the shape of the network; stored in checkpoints, ONNX files and plans.

    width: channel multiplier, 1.0 is the paper's network.
    conv6: the layer between encoder and decoder; "7x7x4096" is VGG16's fc6 made convolutional, as in the paper;
        with "none" the decoder starts at the last pooling, without deconv6 either.
    decoder: "relu" (the paper), or "linear": no ReLU in it, and `alpha` itself comes after the last unpooling.
    norm: "none" (the paper) or "batch" (for training from scratch; export folds it into the convolutions).
    skip: add the encoder's feature after each unpooling.
    refine: append the refinement stage.
    output: "sigmoid", or "clip" to [0, 1] for networks trained on the raw output, or that itself: "raw".
    """

    task: ClassVar[str] = "matting"
    network: ClassVar[str] = "dim"

    width: float = 1.0
    conv6: str = "1x1x512"
    norm: str = "none"
    skip: bool = False
    refine: bool = True
    output: str = "sigmoid"
    decoder: str = "relu"

    def __post_init__(self) -> None:
        choices = {
            "conv6": (*CONV6, "none"),
            "norm": ("none", "batch"),
            "output": ("sigmoid", "clip", "raw"),
            "decoder": ("relu", "linear"),
        }
        for field, allowed in choices.items():
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field}: expected one of {', '.join(allowed)}, got {getattr(self, field)!r}")
        if not 0 < self.width <= 4:
            raise ValueError(f"width: expected a number in (0, 4], got {self.width!r}")

    def channels(self, paper: int) -> int:
        """The paper's channel count scaled by `width`, at least one."""
        return max(1, round(paper * self.width))

    def to_dict(self) -> dict[str, Any]:
        """As files store it. The paper's decoder is left out: files from before there was another are without."""
        values = asdict(self)
        if self.decoder == "relu":
            del values["decoder"]
        return values


CONFIGS = {
    "full": ModelConfig(),
    "lite": ModelConfig(width=0.25, norm="batch", skip=True),
}


class Stages(NamedTuple):
    """Both results of one forward pass, each [N, 1, H, W] in 0..1; `refined` is `coarse` without a refiner."""

    coarse: Tensor
    refined: Tensor


class Conv(nn.Sequential):
    """Convolution with "same" padding, optional batch norm, ReLU unless it is a head."""

    conv: nn.Conv2d

    def __init__(self, cin: int, cout: int, kernel: int, norm: str, relu: bool = True):
        super().__init__()
        self.add_module("conv", nn.Conv2d(cin, cout, kernel, padding=kernel // 2))
        if norm == "batch" and relu:  # a head keeps its own scale
            self.add_module("norm", nn.BatchNorm2d(cout))
        if relu:
            self.add_module("relu", nn.ReLU(inplace=True))


def max_pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """2×2 max pooling: values and argmax positions. Exports as one ONNX MaxPool with two outputs."""
    if torch.onnx.is_in_onnx_export():
        n, c, h, w = x.shape
        pooled = (n, c, h // 2, w // 2)
        values, indices = torch.onnx.ops.symbolic_multi_out(
            "MaxPool",
            (x,),
            {"kernel_shape": [2, 2], "strides": [2, 2]},
            dtypes=(x.dtype, torch.int64),
            shapes=(pooled, pooled),
        )
        return values, indices
    values, indices = F.max_pool2d(x, 2, return_indices=True)
    return values, indices


def max_unpool(x: Tensor, indices: Tensor) -> Tensor:
    """Puts each value back where `max_pool` found it, zeros elsewhere. Exports as ONNX MaxUnpool."""
    if torch.onnx.is_in_onnx_export():
        n, c, h, w = x.shape
        return torch.onnx.ops.symbolic(
            "MaxUnpool",
            (x, indices),
            {"kernel_shape": [2, 2], "strides": [2, 2]},
            dtype=x.dtype,
            shape=(n, c, h * 2, w * 2),
        )
    return F.max_unpool2d(x, indices, (2, 2))


class DeepImageMatting(nn.Module):
    """`forward` maps a preprocessed [N, 4, 32·h, 32·w] input (RGB, trimap) to alpha [N, 1, 32·h, 32·w] in 0..1."""

    def __init__(self, config: ModelConfig | None = None):
        super().__init__()
        self.config = config = config or ModelConfig()
        c, norm = config.channels, config.norm
        # encoder: VGG16, pooled after conv1_2, conv2_2, conv3_3, conv4_3 and conv5_3
        self.conv1_1 = Conv(4, c(64), 3, norm)
        self.conv1_2 = Conv(c(64), c(64), 3, norm)
        self.conv2_1 = Conv(c(64), c(128), 3, norm)
        self.conv2_2 = Conv(c(128), c(128), 3, norm)
        self.conv3_1 = Conv(c(128), c(256), 3, norm)
        self.conv3_2 = Conv(c(256), c(256), 3, norm)
        self.conv3_3 = Conv(c(256), c(256), 3, norm)
        self.conv4_1 = Conv(c(256), c(512), 3, norm)
        self.conv4_2 = Conv(c(512), c(512), 3, norm)
        self.conv4_3 = Conv(c(512), c(512), 3, norm)
        self.conv5_1 = Conv(c(512), c(512), 3, norm)
        self.conv5_2 = Conv(c(512), c(512), 3, norm)
        self.conv5_3 = Conv(c(512), c(512), 3, norm)
        if config.conv6 != "none":
            kernel, conv6_channels = CONV6[config.conv6]
            self.conv6 = Conv(c(512), c(conv6_channels), kernel, norm)
            self.deconv6 = Conv(c(conv6_channels), c(512), 1, norm)
        # decoder: a 5×5 convolution after each unpooling
        relu = config.decoder == "relu"
        self.deconv5 = Conv(c(512), c(512), 5, norm, relu)
        self.deconv4 = Conv(c(512), c(256), 5, norm, relu)
        self.deconv3 = Conv(c(256), c(128), 5, norm, relu)
        self.deconv2 = Conv(c(128), c(64), 5, norm, relu)
        if relu:
            self.deconv1 = Conv(c(64), c(64), 5, norm)
        self.alpha = Conv(c(64), 1, 5, norm, relu=False)
        if config.refine:
            self.refine_conv1 = Conv(4, c(64), 3, norm)
            self.refine_conv2 = Conv(c(64), c(64), 3, norm)
            self.refine_conv3 = Conv(c(64), c(64), 3, norm)
            self.refine_alpha = Conv(c(64), 1, 3, norm, relu=False)
        self.apply(initialise)

    def encoder_blocks(self) -> list[list[Conv]]:
        """The convolutions before each of the five poolings."""
        return [
            [self.conv1_1, self.conv1_2],
            [self.conv2_1, self.conv2_2],
            [self.conv3_1, self.conv3_2, self.conv3_3],
            [self.conv4_1, self.conv4_2, self.conv4_3],
            [self.conv5_1, self.conv5_2, self.conv5_3],
        ]

    def unpooled_convs(self) -> list[Conv]:
        """The convolutions after each of the five unpoolings."""
        last = self.deconv1 if self.config.decoder == "relu" else self.alpha
        return [self.deconv5, self.deconv4, self.deconv3, self.deconv2, last]

    def raw_alpha(self, x: Tensor) -> Tensor:
        """Encoder and decoder: alpha before the output activation, [N, 1, H, W]."""
        pools: list[tuple[Tensor, Tensor]] = []  # (argmax positions, feature before pooling)
        for block in self.encoder_blocks():
            for conv in block:
                x = conv(x)  # [N, 64 · 2^k (at most 512), H / 2^k, W / 2^k]
            feature = x
            x, indices = max_pool(feature)  # [N, C, H / 2^(k+1), W / 2^(k+1)]
            pools.append((indices, feature))
        if self.config.conv6 != "none":
            x = self.deconv6(self.conv6(x))  # [N, 512, H/32, W/32]
        for deconv in self.unpooled_convs():
            indices, feature = pools.pop()
            x = max_unpool(x, indices)  # [N, C, 2h, 2w], three quarters zeros
            if self.config.skip:
                x = x + feature
            x = deconv(x)  # 512 at H/16, 256 at H/8, 128 at H/4, 64 at H/2, 64 (or alpha) at H
        return x if self.config.decoder == "linear" else self.alpha(x)  # [N, 1, H, W]

    def activate(self, raw: Tensor) -> Tensor:
        if self.config.output == "raw":
            return raw
        return torch.sigmoid(raw) if self.config.output == "sigmoid" else raw.clamp(0.0, 1.0)

    def stages(self, x: Tensor) -> Stages:
        """Alpha before and after the refiner; training puts a loss on both."""
        raw = self.raw_alpha(x)
        coarse = self.activate(raw)
        if not self.config.refine:
            return Stages(coarse, coarse)
        y = self.refine_conv1(torch.cat([x[:, :3], coarse], 1))  # RGB and alpha -> [N, 64, H, W]
        y = self.refine_alpha(self.refine_conv3(self.refine_conv2(y)))  # [N, 1, H, W]
        return Stages(coarse, self.activate(raw + y))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x).refined


def initialise(module: nn.Module) -> None:
    """Random weights of a layer, for `Module.apply`."""
    if isinstance(module, nn.Conv2d):
        if module.out_channels == 1:  # heads start near alpha = 0.5
            nn.init.normal_(module.weight, std=0.01)
        else:
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)
