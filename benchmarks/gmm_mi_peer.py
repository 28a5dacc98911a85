"""gmm-mi 0.8.2, the reference of `jaxinfo.gmm`, in an environment of its own.

It needs an older scikit-learn:

    python3.11 -m venv reference
    reference/bin/pip install scikit-learn==1.5.2 gmm-mi==0.8.2 "numpy<2"
    export GMM_MI_PYTHON=reference/bin/python

It runs with one BLAS thread, with which it is fastest.
"""

import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

# Run by the other Python: seconds and value of estimates of given pairs of columns.
_REFERENCE = """
import json, sys, time
import numpy as np
from gmm_mi.mi import EstimateMI
pairs = np.load(sys.argv[1])
out = []
for pair in pairs:
    start = time.perf_counter()
    try:
        mean, std = EstimateMI().fit_estimate(pair)
    except (ValueError, np.linalg.LinAlgError):  # as a component has collapsed
        mean = std = float("nan")
    out.append([time.perf_counter() - start, float(mean), float(std)])
print("RESULT" + json.dumps(out))
"""


def is_available():
    """Whether an environment with gmm-mi was given."""
    return "GMM_MI_PYTHON" in os.environ


def estimates(pairs):
    """Seconds, mean and std that gmm-mi takes and gives for pairs ``(m, n, 2)``.

    NaN where it stops with an error.
    """
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "pairs.npy")
        np.save(path, pairs)
        finished = subprocess.run(
            [os.environ["GMM_MI_PYTHON"], "-c", _REFERENCE, str(path)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **threads, "PYTHONPATH": ""},
        )
    line = next(x for x in finished.stdout.splitlines() if x.startswith("RESULT"))
    return np.array(json.loads(line.removeprefix("RESULT")))
