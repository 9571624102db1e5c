"""`python -m benchmarks.latency`: how fast a run is beside its peers, how exact its alpha, what a cold start costs."""
