"""Our own product with narrower registers than this processor's.

Another process each, and too slow for a page.
"""
import platform
import sys

import pytest
from conftest import run

CODE = """
import numpy as np
from feste.fast.matmul import LANES, sgemm
rng = np.random.default_rng(0)
for M, K, N in ((245, 400, 70), (30, 600, 520), (3, 50, 7), (64, 64, 64)):
    a, b = (rng.standard_normal(s).astype(np.float32) for s in ((M, K), (K, N)))
    for x in (a, np.asfortranarray(a)):
        for y in (b, np.asfortranarray(b)):
            out = np.full((M, N), np.nan, np.float32)
            sgemm(x, y, out)
            np.testing.assert_allclose(out, a @ b, atol=3e-4)
print(LANES)
"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"),
                    reason="the names are those of x86 processors")
@pytest.mark.parametrize(("cpu", "features", "lanes"), [
    ("core2", "+sse2", "4"),
    ("haswell", "+avx,+avx2,+fma", "8"),
])
def test_narrower_registers(cpu, features, lanes, tmp_path):
    done = run(sys.executable, "-c", CODE, NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES=features,
               FESTE_CACHE=str(tmp_path))
    assert done.stdout.split() == [lanes], done.stderr
