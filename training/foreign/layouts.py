"""The names under which other repositories keep the layers of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENCODER = ("1_1", "1_2", "2_1", "2_2", "3_1", "3_2", "3_3", "4_1", "4_2", "4_3", "5_1", "5_2", "5_3")
DECODER = (6, 5, 4, 3, 2, 1)
REFINER = ("refine_conv1", "refine_conv2", "refine_conv3", "refine_alpha")
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")
NORM_COUNTER = "num_batches_tracked"  # in files of newer PyTorch; says nothing about the result


@dataclass(frozen=True)
class KeyLayout:
    """Our layer: their name, which `.weight` and `.bias` follow; `norms` of the batch norm after a convolution."""

    convs: Mapping[str, str]
    refiner: Mapping[str, str] = field(default_factory=dict)
    norms: Mapping[str, str] = field(default_factory=dict)


def _encoder(name: str) -> dict[str, str]:
    """`name` has {block} and {conv}, both counted from 1, or {index}: 0, 2, 4 for the convolutions of a block."""
    numbers = [(int(block), int(conv)) for block, conv in (layer.split("_") for layer in ENCODER)]
    return {f"conv{b}_{c}": name.format(block=b, conv=c, index=2 * (c - 1)) for b, c in numbers}


MMAGIC = KeyLayout(
    convs={
        **_encoder("backbone.encoder.layer{block}.{index}"),  # a ReLU stands between two convolutions
        "conv6": "backbone.encoder.conv6",
        **{f"deconv{number}": f"backbone.decoder.deconv{number}_1" for number in DECODER},
        "alpha": "backbone.decoder.deconv1",
    },
    refiner=dict(zip(REFINER, [f"refiner.refine_{part}" for part in ("conv1", "conv2", "conv3", "pred")], strict=True)),
)

HUOCHAITIANTANG = KeyLayout(
    convs={
        **_encoder("conv{block}_{conv}"),
        "conv6": "conv6_1",
        **{f"deconv{number}": f"deconv{number}_1" for number in DECODER},
        "alpha": "deconv1",
    },
    refiner=dict(zip(REFINER, [f"refine_{part}" for part in ("conv1", "conv2", "conv3", "pred")], strict=True)),
)

INDEXNET = KeyLayout(
    convs={
        **_encoder("conv{block}{conv}"),
        "conv6": "conv6",
        **{f"deconv{number}": f"dconv{number}" for number in DECODER},
        "alpha": "alpha_pred",
    },
    norms=_encoder("bn{block}{conv}"),
)

_FOAMLIU = {
    **_encoder("down{block}.conv{conv}.cbr_unit"),
    **{f"deconv{number}": f"up{number}.conv.cbr_unit" for number in (5, 4, 3, 2)},
    "alpha": "up1.conv.cbr_unit",  # straight after the last unpooling
}
FOAMLIU = KeyLayout(
    convs={layer: f"{name}.0" for layer, name in _FOAMLIU.items()},
    norms={layer: f"{name}.1" for layer, name in _FOAMLIU.items()},
)
