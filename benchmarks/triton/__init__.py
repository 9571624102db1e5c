"""Requests to NVIDIA's Triton beside the bare engine; `server` starts one on this machine."""
