"""One run of syncd in a process of its own, so that its memory is its own: prints a JSON line.

python -m benchmarks.one_sync CONFIG.toml
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

from syncd.bootstrap import open_runtime
from syncd.model.run import Mode, Trigger
from syncd.settings.load import load


def main() -> None:
    settings = load(Path(sys.argv[1]), dict(os.environ)).settings
    runtime = open_runtime(settings)
    (directory,) = settings.directories
    runtime.sync.request(directory, mode=Mode.FULL, trigger=Trigger.CLI)
    phases: dict[str, float] = {}
    current, since = "", time.perf_counter()
    started = since

    def note(phase: str) -> None:
        nonlocal current, since
        now = time.perf_counter()
        if phase != current:
            phases[current] = phases.get(current, 0.0) + now - since
            current, since = phase, now

    run = runtime.sync.work(directory, progress=lambda progress: note(progress.phase))
    seconds = time.perf_counter() - started
    note("")
    assert run is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "outcome": run.outcome.value,
        "message": run.message,
        "seconds": seconds,
        "peak_mib": peak,
        "counts": dict(run.counts or {}),
        "phases": phases,
    }
    print(json.dumps(result))
    runtime.close()


if __name__ == "__main__":
    main()
