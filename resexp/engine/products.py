"""Batched products of small float32 matrices by OpenBLAS, on processors of which torch's library leaves half idle.

MKL, which multiplies in torch's builds for x86, uses AVX-512 on Intel's processors only; OpenBLAS does on AMD's, too.
A product of a pack is one call, as in torch, in which each replicate's digits depend on its own matrices alone.
"""

import ctypes
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

WIDE = {b"SkylakeX", b"Cooperlake", b"SapphireRapids"}
"""The kernels of OpenBLAS that use AVX-512: its choice, or that of the environment variable OPENBLAS_CORETYPE."""

SMALL = 2**23
"""Multiplications in a replicate's product: beyond, torch's threads gain more than OpenBLAS does with one.

A rule that asked for the number of threads would let the digits depend on it. OpenBLAS's own threads are not used: they
and torch's wait for one another by spinning, which takes a hundred times as long where a core is busy."""

ROWS, NORMAL, TRANSPOSED = 101, 111, 112  # CBLAS's names of layouts


def multiplication(a_RMK: Tensor, b_RKN: Tensor, out_RMN: Tensor, *, add: bool = False) -> Callable[[], None] | None:
    """What computes out = a·b, or out + a·b, from what these tensors then hold, for as long as they live.

    None where torch does it as well, or where the matrices do not lie in memory as BLAS has them.
    """
    (R, M, K), N = a_RMK.shape, b_RKN.shape[-1]
    library = _faster() if R and 0 < M * K * N <= SMALL else None
    if library is None or not all(t.dtype is torch.float32 and t.is_cpu for t in (a_RMK, b_RKN, out_RMN)):
        return None
    a, b, out = map(_layout, (a_RMK, b_RKN, out_RMN))
    if a is None or b is None or out is None:
        return None
    if out[0] == TRANSPOSED:
        return multiplication(b_RKN.mT, a_RMK.mT, out_RMN.mT, add=add)
    one, beta = ctypes.c_float(1), ctypes.c_float(add)
    return partial(
        library.scipy_cblas_sgemm_batch_strided, ROWS, a[0], b[0], M, N, K, one, *a[1:], *b[1:], beta, *out[1:], R
    )


def _layout(t_RMN: Tensor) -> tuple[int, ctypes.c_void_p, int, int] | None:
    """How matrices lie: row by row or column by column, where, and how far apart such rows and the matrices are."""
    (_, M, N), (far, row, column) = t_RMN.shape, t_RMN.stride()
    for order, rows, columns, step, unit in ((NORMAL, M, N, row, column), (TRANSPOSED, N, M, column, row)):
        if (columns == 1 or unit == 1) and (rows == 1 or step >= columns) and max(step, far) < 2**31:
            return order, ctypes.c_void_p(t_RMN.data_ptr()), max(step, columns), far
    return None


@cache
def _faster() -> ctypes.CDLL | None:
    """OpenBLAS where it is faster than torch's own library."""
    processor = Path("/proc/cpuinfo")
    if not processor.exists() or "AuthenticAMD" not in processor.read_text():
        return None
    library = _openblas()
    return library if library and library.scipy_openblas_get_corename() in WIDE else None


@cache
def _openblas() -> ctypes.CDLL | None:
    """OpenBLAS as SciPy's makers publish it, where it is installed, with one thread."""
    found = find_spec("scipy_openblas32")
    if found is None or found.origin is None:
        return None
    # as a file: importing the package would let SciPy's own copy of the library see its names
    file = next(Path(found.origin).parent.glob("lib/libscipy_openblas*.so"), None)
    if file is None:
        return None
    library = ctypes.CDLL(str(file))
    library.scipy_openblas_get_corename.restype = ctypes.c_char_p
    library.scipy_cblas_sgemm_batch_strided.restype = None
    library.scipy_openblas_set_num_threads(1)
    return library
