"""Pictures on many machines, by Ray: `matte --ray` for folders and object stores, `matte_dataset` for pipelines.

In: names of pictures, and an engine for each worker. Out: results, and a row about each picture. Read `run` first, the
driver: `listing` says what is to be done, `workers` does it in Ray's actors, next to the pictures (`places`), and
`manifest` keeps the rows. Pictures never pass through Ray's object store, names and rows alone. `engines` is what
travels to the workers, `attempts` knows the pictures that workers died of, `bookkeeping` what Ray would keep of
each, `datasets` is for pipelines of others.
"""

from dim_trt.cluster.datasets import matte_dataset

__all__ = ["matte_dataset"]
