"""Training of Deep Image Matting networks in PyTorch, and their export to ONNX.

In: scenes drawn by rules (`scenes`) or pictures with alpha (`data`). Out: checkpoints, and from them dim.onnx. Read
`train` first: it is the whole run, from command line to checkpoint; then `run` (one step), `model` and `losses`.
`options` is its command line, `initial` what it begins with, `keeping` what it leaves. `evaluate` and `card` score,
`export` writes ONNX, `foreign` takes checkpoints of other repositories, `configs` has the named settings. Nothing here
is needed to run a plan.
"""
