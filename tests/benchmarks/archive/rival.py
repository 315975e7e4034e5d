"""The same ledger copied by dlt. A program of its own, which runs in dlt's environment and imports nothing of ours.

dlt 1.31 with `rest_api` as its documentation shows it, and with what makes it faster here: the pages of 1,000 rows that
Exact gives, rows loaded into DuckDB as Parquet (with `insert_values`, its default, 20,000 rows took it nine times the
CPU and 4 GB), no telemetry, no progress bar. Workers and buffers are as it sets them. It keeps no cursor and compares
nothing, so that it has less to do than the archive; columns that are empty in every row it leaves out.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

KILOBYTE = 1024  # the unit of ru_maxrss on Linux


def main() -> None:
    asked = json.loads(sys.argv[1])
    import dlt

    pipeline = dlt.pipeline(
        "exact", destination=dlt.destinations.duckdb(asked["file"]), dataset_name="books", pipelines_dir=asked["folder"]
    )
    source = _source(asked)
    began, spent = time.monotonic(), _cpu()
    pipeline.run(source, loader_file_format="parquet")
    seconds, cpu = time.monotonic() - began, _cpu() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
    with pipeline.sql_client() as client:
        ((rows, lines),) = client.execute_sql("SELECT COUNT(*), COUNT(DISTINCT id) FROM transaction_lines")
    found = {"seconds": seconds, "cpu": cpu, "peak": peak, "rows": rows, "lines": lines}
    print(json.dumps({**found, "version": dlt.__version__}))


def _source(asked: dict[str, Any]) -> Any:
    from dlt.sources.rest_api import rest_api_source

    return rest_api_source({
        "client": {
            "base_url": asked["address"],
            "auth": {"type": "bearer", "token": asked["token"]},
            "headers": {"Accept": "application/json"},
            "paginator": {"type": "json_link", "next_url_path": "d.__next"},
        },
        "resources": [{
            "name": "transaction_lines",
            "write_disposition": "append",
            "endpoint": {
                "path": asked["path"],
                "params": {"$select": asked["select"], "$filter": "Timestamp gt 1L"},
                "data_selector": "d.results",
            },
        }],
    })  # fmt: skip


def _cpu() -> float:
    """Of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    main()
