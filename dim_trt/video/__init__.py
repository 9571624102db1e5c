"""A clip in, its cutout, alpha or composite out: `python -m dim_trt.video`.

In: any file FFmpeg reads, pictures in a folder, or raw frames from a pipe; trimaps from `dim_trt.tracking`. Out: files
with the clip's times, orientation, color tags, sound, timecode and titles. Read `job` first: it puts the parts together
as `clip_job` says. `inputs` opens what is read: `reading` gives the frames of a video (`decoding` asks FFmpeg for them,
`completeness` whether that was all), `sequences` those of pictures. `pipeline` mattes with all stages at work at once
(`ahead`), `report` says how sure it is, `results` takes the frames, `writing` encodes them (`formats`, `colors`) into
`segments`, which survive a run that was stopped, and `joining` makes the files of these, with `sound` as `sound_plan`
decided and with `extras`. Needs PyAV.
"""
