"""Compile and sample `densing.stan` by pystan, with nothing else of this package installed.

    python stan_alone.py problem.json found.npz

``problem.json`` has data, points (chains start at the first; log densities are told of all),
counts and the names that are asked for. Run by
`benchmarks.peers.run` with a Python that has pystan (its wheels are particular about versions).
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import numpy as np
import stan


def main() -> None:
    """Run the problem."""
    # pystan talks to a server of its own, with limits of five minutes for a compilation and of one
    # second for reading the program
    aiohttp.client.DEFAULT_TIMEOUT = aiohttp.ClientTimeout(total=None)
    run = subprocess.run
    subprocess.run = lambda *given, **more: run(*given, **{**more, "timeout": None})
    asked = json.loads(Path(sys.argv[1]).read_text())
    code = Path(__file__).with_name("densing.stan").read_text()
    began = time.perf_counter()
    model = stan.build(code, data=asked["data"], random_seed=asked["seed"])
    compiled = time.perf_counter()
    fit = model.sample(num_chains=asked["chains"], num_samples=asked["draws"],
                       num_warmup=asked["tune"], init=[asked["points"][0]] * asked["chains"],
                       delta=asked["target_accept"])
    sampled = time.perf_counter()
    # chains run fastest in the last axis
    draws = {name: fit[name][0].reshape(asked["draws"], asked["chains"]).T
             for name in [*asked["names"], "n_leapfrog__"]}
    density = [model.log_prob(model.unconstrain_pars(point), adjust_transform=False)
               for point in asked["points"]]
    usage = [resource.getrusage(who).ru_maxrss / 1024
             for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    np.savez(sys.argv[2], compile=compiled - began, sample=sampled - compiled, peak_mb=max(usage),
             density=density, **draws)


if __name__ == "__main__":
    main()
