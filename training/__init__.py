"""Training of Deep Image Matting networks in PyTorch and their export to ONNX."""
