"""Checkpoints of other repositories with Deep Image Matting, in and out.

In: a checkpoint as its authors' program wrote it. Out: our network and preprocessing, or ours under MMagic's names.
Read `repositories` first: what the tensors do not say (preprocessing, skip connections, activation, licence).
`layouts` says where each keeps a layer's tensors, `importing` finds the repository that fits and says by name what does
not, `writing` is the way back. Nothing in a file is run: `reading` finds tensors in what `archives` (files of
torch.save), `pickles` and `machine` (their inside), `modules` and `stored` make of it; `formats` names other files.
"""
