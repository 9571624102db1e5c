"""A clip in, its cutout, alpha or composite out: `python -m dim_trt.video`.

In: any file FFmpeg reads, or raw frames from a pipe; trimaps from `dim_trt.tracking`. Out: files with the clip's times,
orientation, color tags and sound. Read `job` first: it puts the parts together. `reading` gives the frames (`decoding`
asks FFmpeg for them), `pipeline` mattes with all stages at work at once (`ahead`), `results` takes the frames,
`writing` encodes them (`formats`, `colors`) into `segments`, which survive a run that was stopped, and `joining` makes
the files of these. Needs PyAV.
"""
