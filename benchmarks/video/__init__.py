"""`python -m benchmarks.video`: clips beside their engine; `benchmarks.video.trimaps`: how good carried trimaps are."""
