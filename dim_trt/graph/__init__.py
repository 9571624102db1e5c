"""From dim.onnx to what a backend runs: load, precision, lower, translate (in this order)."""
