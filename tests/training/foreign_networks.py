"""The networks of other repositories in a few lines each: their layers, their names, their order; narrower."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VGG = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]  # output channels, block by block
NARROW = 16  # channels are divided by this
UP = {5: (512, 512), 4: (512, 256), 3: (256, 128), 2: (128, 64), 1: (64, 64)}


def conv(cin: int, cout: int, kernel: int) -> nn.Conv2d:
    narrow = (channels if channels in (1, 4) else channels // NARROW for channels in (cin, cout))
    return nn.Conv2d(*narrow, kernel, padding=kernel // 2)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(max(1, channels // NARROW))


def pool(x: Tensor) -> tuple[Tensor, Tensor]:
    return F.max_pool2d(x, 2, return_indices=True)


def refine(layers: nn.Module, colors: Tensor, raw: Tensor, alpha_scale: float) -> Tensor:
    y = torch.cat([colors, alpha_scale * raw.sigmoid()], 1)
    for name in ("refine_conv1", "refine_conv2", "refine_conv3"):
        y = F.relu(getattr(layers, name)(y))
    return torch.sigmoid(raw + layers.refine_pred(y))


def add_refiner(module: nn.Module) -> nn.Module:
    module.refine_conv1, module.refine_conv2, module.refine_conv3 = conv(4, 64, 3), conv(64, 64, 3), conv(64, 64, 3)
    module.refine_pred = conv(64, 1, 3)
    return module


class MMagic(nn.Module):
    def __init__(self, refiner: bool):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.encoder, self.backbone.decoder = nn.Module(), nn.Module()
        cin = 4
        for number, block in enumerate(VGG, 1):
            layers: list[nn.Module] = []
            for cout in block:
                layers += [conv(cin, cout, 3), nn.ReLU()]
                cin = cout
            layers.append(nn.MaxPool2d(2, return_indices=True))
            setattr(self.backbone.encoder, f"layer{number}", nn.Sequential(*layers))
        self.backbone.encoder.conv6 = conv(512, 512, 1)
        self.backbone.decoder.deconv6_1 = conv(512, 512, 1)
        for number, channels in UP.items():
            setattr(self.backbone.decoder, f"deconv{number}_1", conv(*channels, 5))
        self.backbone.decoder.deconv1 = conv(64, 1, 5)
        if refiner:
            self.refiner = add_refiner(nn.Module())

    def forward(self, x: Tensor) -> Tensor:
        encoder, decoder = self.backbone.encoder, self.backbone.decoder
        colors, indices = x[:, :3], {}
        for number in range(1, 6):
            x, indices[number] = getattr(encoder, f"layer{number}")(x)
        x = F.relu(decoder.deconv6_1(F.relu(encoder.conv6(x))))
        for number in UP:
            x = F.relu(getattr(decoder, f"deconv{number}_1")(F.max_unpool2d(x, indices[number], 2)))
        raw = decoder.deconv1(x)
        return refine(self.refiner, colors, raw, 1) if hasattr(self, "refiner") else raw.sigmoid()


class Huochaitiantang(nn.Module):
    def __init__(self, conv6: int, skip: bool = False, refiner: bool = False, alpha_scale: float = 1):
        super().__init__()
        self.skip, self.alpha_scale = skip, alpha_scale
        cin = 4
        for number, block in enumerate(VGG, 1):
            for place, cout in enumerate(block, 1):
                setattr(self, f"conv{number}_{place}", conv(cin, cout, 3))
                cin = cout
        self.conv6_1, self.deconv6_1 = conv(512, 512, conv6), conv(512, 512, 1)
        for number, channels in UP.items():
            setattr(self, f"deconv{number}_1", conv(*channels, 5))
        self.deconv1 = conv(64, 1, 5)
        if refiner:
            add_refiner(self)

    def forward(self, x: Tensor) -> Tensor:
        colors, features, indices = x[:, :3], {}, {}
        for number, block in enumerate(VGG, 1):
            for place in range(1, len(block) + 1):
                x = F.relu(getattr(self, f"conv{number}_{place}")(x))
            features[number] = x
            x, indices[number] = pool(x)
        x = F.relu(self.deconv6_1(F.relu(self.conv6_1(x))))
        for number in UP:
            x = F.max_unpool2d(x, indices[number], 2)
            x = F.relu(getattr(self, f"deconv{number}_1")(x + features[number] if self.skip else x))
        raw = self.deconv1(x)
        return refine(self, colors, raw, self.alpha_scale) if hasattr(self, "refine_pred") else raw.sigmoid()


class IndexNetDim(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        cin = 4
        for number, block in enumerate(VGG, 1):
            for place, cout in enumerate(block, 1):
                setattr(self, f"conv{number}{place}", conv(cin, cout, 3))
                setattr(self, f"bn{number}{place}", batch_norm(cout))
                cin = cout
        self.conv6, self.dconv6 = conv(512, 4096, 7), conv(4096, 512, 1)
        for number, channels in UP.items():
            setattr(self, f"dconv{number}", conv(*channels, 5))
        self.alpha_pred = conv(64, 1, 5)

    def forward(self, x: Tensor) -> Tensor:
        indices = {}
        for number, block in enumerate(VGG, 1):
            for place in range(1, len(block) + 1):
                x = F.relu(getattr(self, f"bn{number}{place}")(getattr(self, f"conv{number}{place}")(x)))
            x, indices[number] = pool(x)
        x = F.relu(self.dconv6(F.relu(self.conv6(x))))
        for number in UP:
            x = F.relu(getattr(self, f"dconv{number}")(F.max_unpool2d(x, indices[number], 2)))
        return self.alpha_pred(x)  # clipped by the program around it


class Unit(nn.Module):
    def __init__(self, cin: int, cout: int, kernel: int, relu: bool):
        super().__init__()
        self.cbr_unit = nn.Sequential(conv(cin, cout, kernel), batch_norm(cout), *([nn.ReLU()] if relu else []))

    def forward(self, x: Tensor) -> Tensor:
        return self.cbr_unit(x)


class Foamliu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        cin = 4
        for number, block in enumerate(VGG, 1):
            down = nn.Module()
            for place, cout in enumerate(block, 1):
                setattr(down, f"conv{place}", Unit(cin, cout, 3, relu=True))
                cin = cout
            setattr(self, f"down{number}", down)
        for number, (cin, cout) in {**UP, 1: (64, 1)}.items():
            up = nn.Module()
            up.conv = Unit(cin, cout, 5, relu=False)
            setattr(self, f"up{number}", up)

    def forward(self, x: Tensor) -> Tensor:
        indices, sizes = {}, {}
        for number in range(1, 6):
            for unit in getattr(self, f"down{number}").children():
                x = unit(x)
            sizes[number] = x.shape[2:]
            x, indices[number] = pool(x)
        for number in UP:
            unpooled = F.max_unpool2d(x, indices[number], 2, output_size=sizes[number])
            x = getattr(self, f"up{number}").conv(unpooled)
        return x.sigmoid()


@torch.no_grad()
def randomise(network: nn.Module, x: Tensor, seed: int = 0) -> nn.Module:
    """Random weights with which every layer, and the logits, are of order one for input like `x`."""
    generator = torch.Generator().manual_seed(seed)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
            module.bias.copy_(torch.randn(module.bias.shape, generator=generator) * 0.1)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1  # takes over the statistics of the one run below
            module.weight.copy_(0.7 + 0.6 * torch.rand(module.weight.shape, generator=generator))
            module.bias.copy_(0.2 * torch.randn(module.bias.shape, generator=generator))
    hooks = [m.register_forward_hook(_normalise) for m in network.modules() if isinstance(m, nn.Conv2d)]
    network(x)
    for hook in hooks:
        hook.remove()
    return network.eval()


def _normalise(module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    """Scales a convolution so that what it puts out has standard deviation one; a head's has mean zero, too."""
    spread, mean = torch.std_mean(output)
    shift = mean if output.shape[1] == 1 else torch.zeros(())
    module.weight.div_(spread)
    module.bias.sub_(shift).div_(spread)
    return (output - shift) / spread
