"""Training samples and the pictures to score on.

Out: `Batch`es. Read `samples` first: what a sample is, and crops of drawn scenes; `folders` composites pictures of the
user's own, which `reading` reads, `loader` makes batches in other processes, `hard` draws what is learnt worst more
often, `preprocess` is what the network is fed, `testsets` reads pictures with ground truth.
"""
