"""Pictures in GPU memory: taken where they are, by DLPack or `__cuda_array_interface__`.

In: arrays of PyTorch, CuPy, PyCUDA, Numba or whatever speaks one of the two protocols. Out: a call that is ready for
the engine's core, and results as `GpuArray`, which speak both. Read `arrays` first; `views` reads the protocols,
`streams` orders the caller's work and ours.
"""

from dim_trt.gpu.arrays import GpuArray

__all__ = ["GpuArray"]
