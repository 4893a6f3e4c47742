"""Runs a rendered `serveConfigV2` on a Ray of its own: what the head of a RayService does.

`python -m tests.helm.serve_process CONFIG NODES`. NODES holds each worker group's Ray resources, as
the RayService gives them; here one machine offers all of them together. The calls are those that
Ray's dashboard makes when KubeRay hands it the config. Ends on SIGTERM, without a drain. Ray reads
its token and mode when it is imported: whoever starts this process sets them.
"""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

import yaml

from telecine_serve.local.stages import OBJECT_STORE_BYTES, wait_until_running

READY = "the stages are ready"


def main(config_file: Path, nodes_file: Path) -> None:
    import ray  # late: the tests that read READY must not meet its warnings
    from ray import serve
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    config = ServeDeploySchema.model_validate(yaml.safe_load(config_file.read_text()))
    offered: Counter[str] = Counter()
    for resources in json.loads(nodes_file.read_text()):
        offered.update({name: float(amount) for name, amount in resources.items()})
    stopping = threading.Event()
    ray.init(
        "local",
        num_cpus=int(offered.pop("CPU")),
        resources=dict(offered),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    serve.start(proxy_location=config.proxy_location, logging_config=config.logging_config)
    _get_global_client().deploy_apps(config)
    names = [application.name for application in config.applications]
    wait_until_running(names, lambda message: print(message, flush=True))
    print(READY, flush=True)
    stopping.wait()
    ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
