"""Checkpoints of other repositories with Deep Image Matting, in and out.

In: a checkpoint as its authors' program wrote it. Out: our network and preprocessing, or ours under MMagic's names.
Read `repositories` first: what the tensors do not say (preprocessing, skip connections, activation, licence).
`layouts` says where each keeps a layer's tensors, `reading` takes tensors out of files without running code from them,
`importing` finds the repository that fits and says by name what does not, `writing` is the way back.
"""
