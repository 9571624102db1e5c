"""Random networks whose answer depends on every layer: their heads put out logits of order one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.model import DeepImageMatting


@torch.inference_mode()
def normalise_heads(model: DeepImageMatting, x: Tensor) -> None:
    """Scales the heads in place: their logits for the input `x` then have mean zero and standard deviation one.

    Args:
        model: with random weights, in evaluation mode.
        x: the network's input, [N, 4, 32·h, 32·w] float32.
    """
    for head in (model.alpha, *([model.refine_alpha] if model.config.refine else [])):
        outputs: list[Tensor] = []
        conv = head.conv
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        hook = conv.register_forward_hook(lambda _module, _inputs, output, seen=outputs: seen.append(output))
        model(x)
        hook.remove()
        spread, mean = torch.std_mean(outputs[0])
        conv.weight.div_(spread)
        conv.bias.sub_(mean).div_(spread)
