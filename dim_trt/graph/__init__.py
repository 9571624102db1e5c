"""From dim.onnx to what a backend runs, in this order.

cpu: load, storage, lower, translate. tensorrt: load, precision (for int8 after calibrate and sensitivity), lower,
tensorrt.
"""
