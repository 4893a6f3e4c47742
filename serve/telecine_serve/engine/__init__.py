"""From a `VideoSpec` to frames: encode, denoise step by step, decode."""
