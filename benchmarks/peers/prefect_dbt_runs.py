"""What prefect-dbt's runner takes for a build in a flow: ``prefect_dbt_runs.py PROJECT ROUNDS HOME``, with a server."""

import json
import os
import statistics
import sys
import time
from pathlib import Path


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    os.chdir(folder)
    from prefect import flow
    from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

    @flow
    def build() -> None:
        PrefectDbtRunner(settings=PrefectDbtSettings(project_dir=folder, profiles_dir=folder)).invoke(["build"])

    times = []
    build()
    for _ in range(rounds):
        begun = time.perf_counter()
        build()
        times.append(time.perf_counter() - begun)
    print(json.dumps({"runner": statistics.median(times)}))


main()
