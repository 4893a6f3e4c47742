"""The scenes that the embedded model is to know: drawn, told, and read back from a clip.

Its training is not here yet; the weights are still random.
"""
