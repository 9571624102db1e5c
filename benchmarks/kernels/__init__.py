"""`python -m benchmarks.kernels`: each CPU kernel, checked, timed, and beside what the processor can do at best."""
