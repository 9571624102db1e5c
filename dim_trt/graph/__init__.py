"""From dim.onnx to what a backend runs.

In: an ONNX file, of `training.export` or from elsewhere. Out: for the CPU a `Program` of operations and weights, for
TensorRT another ONNX model, typed and with this project's two operations or without them. Read `load` first (what the
file says of itself: `metadata`; `foreign` and `probe` make sense of other exporters' unpooling), then `lower`.
`quantize` has int8 and float16 for both backends. For the cpu backend `storage` and `translate` follow; for tensorrt
`precision` (for int8 after `calibrate` and `sensitivity`, on `pictures`) comes before `lower`, and `tensorrt` after it.
"""
