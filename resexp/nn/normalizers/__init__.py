"""Normalizers of the stream, one file per variant.

Each maps x to the same shape, (B, D), (B, T, D) or (B, D, H, W). Statistics μ, σ² are per sample over the features of
(B, D), per token of (B, T, D), and over features and pixels of (B, D, H, W), unless the variant says otherwise.
"""
