"""The workspace's only SQL warehouse: serverless, started by the first statement."""

from __future__ import annotations

import threading
from typing import Any

from sandbox.spark.server import SailServer
from sandbox.web.errors import invalid, not_found

WAREHOUSE_ID = "5ab5dda58c1ea16b"
STOPPED, STARTING, RUNNING = "STOPPED", "STARTING", "RUNNING"


class Warehouse:
    """Thread-safe."""

    def __init__(self, sail: SailServer, creator: str) -> None:
        self._sail = sail
        self._creator = creator
        self._state = STOPPED
        self._lock = threading.Lock()

    def start(self) -> int:
        """Blocks until the server answers, and returns its port. Raises SparkUnavailableError."""
        with self._lock:
            if self._state != RUNNING:
                self._state = STARTING
        try:
            port, _ = self._sail.running()
        except Exception:
            self.stop()
            raise
        self._state = RUNNING
        return port

    def stop(self) -> None:
        """The server keeps running, because jobs share it."""
        self._state = STOPPED

    def view(self) -> dict[str, Any]:
        return {
            "id": WAREHOUSE_ID,
            "name": "Serverless Starter Warehouse",
            "state": self._state,
            "cluster_size": "2X-Small",
            "warehouse_type": "PRO",
            "enable_serverless_compute": True,
            "enable_photon": True,
            "auto_stop_mins": 10,
            "min_num_clusters": 1,
            "max_num_clusters": 1,
            "num_clusters": 1 if self._state == RUNNING else 0,
            "num_active_sessions": 0,
            "creator_name": self._creator,
            "spot_instance_policy": "COST_OPTIMIZED",
            "health": {"status": "HEALTHY"},
        }


def require_named(warehouse_id: str) -> None:
    """Raises ApiError 404 if the warehouse does not exist."""
    if warehouse_id != WAREHOUSE_ID:
        raise not_found(f"SQL warehouse {warehouse_id} does not exist.")


def require_usable(warehouse_id: str) -> None:
    """Raises ApiError 400 if the warehouse does not exist, like the statement call of a workspace."""
    if warehouse_id != WAREHOUSE_ID:
        raise invalid(f"{warehouse_id} is not a valid endpoint id.")
