"""What the tensors of a public checkpoint do not say, repository by repository and release by release."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.data.preprocess import PREPROCESSING, Preprocessing, Resize
from training.foreign.layouts import FOAMLIU, HUOCHAITIANTANG, INDEXNET, MMAGIC, KeyLayout
from training.model import ModelConfig

ADOBE = "weights for non-commercial use only: trained on the Adobe Deep Image Matting data set"
IMAGENET = replace(PREPROCESSING, trimap_values="raw")
SCALED_DOWN = replace(
    IMAGENET,
    padding="none",
    resize=Resize(round="down", max_side=1600, pixels="uint8", img="linear", trimap="linear", alpha="linear"),
)
RAW_BGR = replace(SCALED_DOWN, channel_order="bgr", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), trimap_scale=1.0)
SCALED_UP = replace(
    IMAGENET,
    padding="none",
    resize=Resize(round="up", max_side=0, pixels="float32", img="cubic", trimap="nearest", alpha="cubic"),
)


@dataclass(frozen=True)
class Repository:
    """One public implementation.

    config: the network; width and refiner are read from the tensors.
    refiner_alpha_scale: alpha goes into the refiner times this. Out of it comes sigmoid(raw alpha + refinement) in all.
    same_alpha: the pictures and trimaps for which the repository's own program gives the same alpha.
    differs: what tells it from the repositories with the same tensors.
    sad: as its authors report it for Composition-1k.
    """

    name: str
    layout: KeyLayout
    config: ModelConfig
    licence: str
    source: str
    sad: str
    same_alpha: str
    preprocessing: Preprocessing = IMAGENET
    refiner_alpha_scale: float = 1.0
    differs: str = ""


def _huochaitiantang(
    version: str,
    sad: str,
    differs: str,
    config: ModelConfig,
    preprocessing: Preprocessing = SCALED_DOWN,
    refiner_alpha_scale: float = 1.0,
) -> Repository:
    return Repository(
        name=f"huochaitiantang-{version}",
        layout=HUOCHAITIANTANG,
        config=config,
        licence=f"no licence for the code; {ADOBE}",
        source=f"github.com/huochaitiantang/pytorch-deep-image-matting, release {version}",
        sad=sad,
        same_alpha="pictures of at least 32×32",
        preprocessing=preprocessing,
        refiner_alpha_scale=refiner_alpha_scale,
        differs=differs,
    )


_SMALL, _LARGE = ModelConfig(), ModelConfig(conv6="3x3x512")

REPOSITORIES = {
    repository.name: repository
    for repository in (
        Repository(
            name="mmagic",
            layout=MMAGIC,
            config=ModelConfig(),
            licence=f"Apache-2.0 code; {ADOBE}",
            source="github.com/open-mmlab/mmagic (and mmediting), DIM stage 1, 2 or 3",
            sad="53.8, 52.3, 50.6 (stages 1, 2, 3)",
            same_alpha="pictures of any size",
        ),
        _huochaitiantang("v1.0", "72.9", "BGR, nothing subtracted or divided", _SMALL, RAW_BGR, 256.0),
        _huochaitiantang("v1.1", "69.1", "RGB, ImageNet mean, refiner reads 256 · alpha", _SMALL, SCALED_DOWN, 256.0),
        _huochaitiantang("v1.2", "62.0 to 57.7", "RGB, ImageNet mean", _SMALL),
        _huochaitiantang("v1.3", "57.1", "RGB, ImageNet mean", _SMALL),
        _huochaitiantang("v1.4", "54.4", "no skip connections", _LARGE),
        _huochaitiantang("v1.5", "53.0", "skip connections", ModelConfig(conv6="3x3x512", skip=True)),
        Repository(
            name="indexnet-dim",
            layout=INDEXNET,
            config=ModelConfig(conv6="7x7x4096", output="raw", refine=False),
            licence="for non-commercial use, code and weights; trained on the Adobe Deep Image Matting data set",
            source="github.com/poppinace/indexnet_matting, its Deep Image Matting",
            sad="55.8",
            same_alpha="pictures of any size, trimaps of 0, 128 and 255: it takes other gray for alpha itself",
            preprocessing=SCALED_UP,
        ),
        Repository(
            name="foamliu-pytorch",
            layout=FOAMLIU,
            config=ModelConfig(conv6="none", decoder="linear", refine=False),
            licence=f"MIT code; {ADOBE}",
            source="github.com/foamliu/Deep-Image-Matting-PyTorch",
            sad="66.8",
            same_alpha="pictures of at least 32×32",
            preprocessing=replace(IMAGENET, padding="none"),
        ),
    )
}
