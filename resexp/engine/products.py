"""Batched products of small float32 matrices by OpenBLAS, for processors on which torch's library is slow.

torch's builds for x86 use MKL, which runs AVX-512 only on Intel's processors; OpenBLAS runs it on AMD's, too. As in
torch, the product of a pack is one call, in which the result of a replicate depends only on its own matrices.
"""

import ctypes
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

# Shapes: R replicates, and matrices (M, K) · (K, N) = (M, N).

AVX512_CORES = {b"SkylakeX", b"Cooperlake", b"SapphireRapids"}
"""OpenBLAS cores that use AVX-512. OpenBLAS picks one, or the environment variable OPENBLAS_CORETYPE does."""

MAX_MULTIPLICATIONS = 2**23
"""In the product of one replicate. For larger ones torch's threads gain more than OpenBLAS does with one thread.

A rule based on the number of threads would let the result depend on it. The threads of OpenBLAS are not used: they and
torch's spin while they wait for each other, a hundredfold slowdown if a core is busy."""

ROW_MAJOR, NO_TRANS, TRANS = 101, 111, 112  # constants of CBLAS


def batched_product(a_RMK: Tensor, b_RKN: Tensor, out_RMN: Tensor, *, add: bool = False) -> Callable[[], None] | None:
    """Return a function that computes out = a·b, or out += a·b if `add`, from the values the tensors then hold.

    The tensors must outlive the function. None if torch is as fast, or if BLAS does not support their layout.
    """
    (R, M, K), N = a_RMK.shape, b_RKN.shape[-1]
    library = _faster_library() if R and 0 < M * K * N <= MAX_MULTIPLICATIONS else None
    if library is None or not all(t.dtype is torch.float32 and t.is_cpu for t in (a_RMK, b_RKN, out_RMN)):
        return None
    a, b, out = map(_layout, (a_RMK, b_RKN, out_RMN))
    if a is None or b is None or out is None:
        return None
    if out[0] == TRANS:
        return batched_product(b_RKN.mT, a_RMK.mT, out_RMN.mT, add=add)
    alpha, beta = ctypes.c_float(1), ctypes.c_float(add)
    gemm = library.scipy_cblas_sgemm_batch_strided
    return partial(gemm, ROW_MAJOR, a[0], b[0], M, N, K, alpha, *a[1:], *b[1:], beta, *out[1:], R)


def _layout(t_RMN: Tensor) -> tuple[int, ctypes.c_void_p, int, int] | None:
    """Return (transposition, address, leading dimension, stride between matrices), or None if BLAS has no such."""
    (_, M, N), (stride, row, column) = t_RMN.shape, t_RMN.stride()
    for order, rows, columns, leading, unit in ((NO_TRANS, M, N, row, column), (TRANS, N, M, column, row)):
        if (columns == 1 or unit == 1) and (rows == 1 or leading >= columns) and max(leading, stride) < 2**31:
            return order, ctypes.c_void_p(t_RMN.data_ptr()), max(leading, columns), stride
    return None


@cache
def _faster_library() -> ctypes.CDLL | None:
    """Return OpenBLAS if it is faster than torch's own library."""
    processor = Path("/proc/cpuinfo")
    if not processor.exists() or "AuthenticAMD" not in processor.read_text():
        return None
    library = _openblas()
    return library if library and library.scipy_openblas_get_corename() in AVX512_CORES else None


@cache
def _openblas() -> ctypes.CDLL | None:
    """Load OpenBLAS from the package `scipy_openblas32`, if it is installed, with one thread."""
    spec = find_spec("scipy_openblas32")
    if spec is None or spec.origin is None:
        return None
    # as a file: importing the package would make its symbols visible to SciPy's own copy of the library
    file = next(Path(spec.origin).parent.glob("lib/libscipy_openblas*.so"), None)
    if file is None:
        return None
    library = ctypes.CDLL(str(file))
    library.scipy_openblas_get_corename.restype = ctypes.c_char_p
    library.scipy_cblas_sgemm_batch_strided.restype = None
    library.scipy_openblas_set_num_threads(1)
    return library
