"""A plan as a model of NVIDIA's Triton server: `dim-trt triton PLAN -o REPOSITORY`.

In: a plan. Out: a folder that `tritonserver --model-repository` loads. `repository` writes it; `model` is what Triton's
Python backend runs, where this package is installed beside it. `ensemble` writes four models around Triton's TensorRT
backend instead, of which `stages` are two; `backend` is what all that run in Python have in common.
"""
