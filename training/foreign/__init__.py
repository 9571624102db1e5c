"""Checkpoints of other implementations of Deep Image Matting, in and out.

layouts   where a repository keeps each layer's tensors
repositories  what the tensors do not say: preprocessing, skip connections, activation, licence
reading   a file -> tensors by name, without running code from it
importing tensors -> our network; which repository fits, and by name what does not
writing   our network -> safetensors, or MMagic's names
"""
