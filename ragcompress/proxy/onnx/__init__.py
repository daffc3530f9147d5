"""The proxy on ONNX Runtime: its graph, its weights and their quantization."""
