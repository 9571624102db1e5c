"""How far a pixel of the input can be from a pixel of alpha and still have a say in it."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from dim_trt.graph.lower import fail

POINTWISE = frozenset(
    ["Add", "Cast", "Clip", "Concat", "DequantizeLinear", "Identity", "QuantizeLinear", "Relu", "Sigmoid", "Slice"]
)
Span = tuple[int, int]  # first and last position along height or width; the same for both


def halo_px(graph: gs.Graph) -> int:
    """The radius of the receptive field in pixels, exact: the largest over all pixels and both directions.

    On a crop whose top left corner is at multiples of 32, and which extends this far beyond the pixels of interest or
    to the border of the padded picture, the network gives these pixels the alpha that they have in the whole picture.
    Takes a standard or a lowered graph of any precision; poolings are 2x2, which lowering checks.
    """
    period = 2 ** sum(node.op in ("MaxPool", "MaxPoolArgmax") for node in graph.nodes)  # of the windows' alignment
    halo = 0
    for position in range(period):
        first, last = _receptive_field(graph, position)
        halo = max(halo, position - first, last - position)
    return halo


def _receptive_field(graph: gs.Graph, position: int) -> Span:
    """The positions of the input that the output at `position` depends on, without regard to borders."""
    needed: dict[str, Span] = {graph.outputs[0].name: (position, position)}  # by tensor
    for node in reversed(graph.nodes):
        spans = [needed[tensor.name] for tensor in node.outputs if tensor.name in needed]
        if not spans:  # not on the way to the output, or made of constants
            continue
        span = _before(node, (min(first for first, _ in spans), max(last for _, last in spans)))
        for tensor in node.inputs:
            first, last = needed.get(tensor.name, span)
            needed[tensor.name] = (min(first, span[0]), max(last, span[1]))
    return needed[graph.inputs[0].name]


def _before(node: gs.Node, span: Span) -> Span:
    """The positions of its inputs that a node reads for these positions of its outputs."""
    first, last = span
    if node.op == "Conv":
        return _before_conv(node, span)
    if node.op in ("MaxPool", "MaxPoolArgmax"):
        return 2 * first, 2 * last + 1
    if node.op in ("MaxUnpool", "IndexUnpool"):
        return first // 2, last // 2
    if node.op in POINTWISE:
        return span
    raise fail(node, "is not an operation of a Deep Image Matting graph")


def _before_conv(node: gs.Node, span: Span) -> Span:
    shape = tuple(node.inputs[1].shape or ())
    pad, dilation, stride = (
        _symmetric(node, "pads", 0),
        _symmetric(node, "dilations", 1),
        _symmetric(node, "strides", 1),
    )
    if len(shape) != 4 or shape[2] != shape[3]:
        raise fail(node, f"has weights {list(shape)}; expected a square kernel [O, I, k, k]")
    reach = dilation * (shape[2] - 1)
    if stride != 1 or reach != 2 * pad or node.attrs.get("auto_pad", "NOTSET") != "NOTSET":
        raise fail(node, f"has stride {stride} and pads {pad}; expected that height and width stay as they are")
    return span[0] - pad, span[1] + pad


def _symmetric(node: gs.Node, attribute: str, default: int) -> int:
    values = set(node.attrs.get(attribute, [default]))
    if len(values) != 1:
        raise fail(node, f"has {attribute} {node.attrs[attribute]}; expected the same number for all sides")
    return int(values.pop())
