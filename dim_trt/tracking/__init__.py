"""Trimaps for the frames of a clip.

In: frames in order, with one trimap for all, one for each, or a few for key frames. Out: a trimap for each frame; those
between key frames are carried by optical flow, both ways where the clip can be read twice. Read `sources` first: it
says what a source is and has the simple ones. `key_frames` has those that are carried: `carrying` makes the next trimap
of `flow` (motion), `anchors` (what the key frames say) and `appearance` (whose colors a place has); `backwards` comes
from the key frame behind; `mask_frames` joins the masks that a network gives for each frame;
`doubt` says how sure that is; `files` says which file belongs to which frame.
"""

from dim_trt.tracking.key_frames import KeyFrames
from dim_trt.tracking.mask_frames import MaskFrames
from dim_trt.tracking.sources import ConstantTrimap, Doubts, Frame, TrimapFolder, TrimapSource, TrimapVideo

__all__ = [
    "ConstantTrimap",
    "Doubts",
    "Frame",
    "KeyFrames",
    "MaskFrames",
    "TrimapFolder",
    "TrimapSource",
    "TrimapVideo",
]
