"""A proxy between a job and Sail. It names a table of Unity Catalog in Sail when the job first mentions it."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from sandbox.config import LOOPBACK
from sandbox.identity.principals import Principal
from sandbox.spark.catalog import SparkCatalog, is_delta
from sandbox.spark.plans import with_names_of_sail
from sandbox.spark.server import SailServer, SparkUnavailableError
from sandbox.spark.sessions import end_session, prepare_session

logger = logging.getLogger(__name__)
SERVICE = "/spark.connect.SparkConnectService/"
# The client of a job has a few concurrent streams.
MAX_CALLS = 32
STOP_GRACE_S = 2.0
# Spark's own limit is 128 MiB. Here both processes are on this machine.
NO_LIMIT = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
Change = Callable[[bytes], bytes]


class SessionProxy(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A Spark Connect server for one session of one principal. Connects to Sail on the first call."""

    def __init__(self, server: SailServer, catalog: SparkCatalog, who: Principal) -> None:
        self.session_id = str(uuid.uuid4())
        self._sail = server
        self._catalog = catalog
        self._who = who
        self._lock = threading.Lock()
        self._port, self._start = 0, 0
        self._channel: grpc.Channel | None = None
        self._named: set[str] = set()
        self._listener = grpc.server(ThreadPoolExecutor(MAX_CALLS), handlers=(self,), options=NO_LIMIT)

    def start(self) -> int:
        """Returns the port on the loopback address."""
        port = int(self._listener.add_insecure_port(f"{LOOPBACK}:0"))
        self._listener.start()
        return port

    def stop(self) -> None:
        """Cancels running calls and ends the session."""
        self._listener.stop(STOP_GRACE_S).wait()
        if self._channel is None:
            return
        self._channel.close()
        try:
            if self._sail.running() == (self._port, self._start):
                end_session(self._port, self.session_id, self._who.id)
        except SparkUnavailableError:
            logger.info("the workspace stops and ends the Spark session of a job")

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Forwards every call. Only names in plans are changed."""
        method = str(details.method)
        return grpc.stream_stream_rpc_method_handler(lambda requests, context: self._forward(method, requests, context))

    def _forward(self, method: str, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        try:
            channel = self._connected()
        except SparkUnavailableError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        changed = (self._changed(method, request) for request in requests)
        answers = channel.stream_stream(method)(changed)
        context.add_callback(answers.cancel)
        try:
            yield from answers
        except grpc.RpcError:
            # The trailing metadata have the details of an error.
            context.set_trailing_metadata(answers.trailing_metadata() or ())
            context.abort(answers.code(), answers.details() or "")

    def _connected(self) -> grpc.Channel:
        """The channel to Sail. A restarted server lost its sessions, so tables must be named again."""
        with self._lock:
            port, start = self._sail.running()
            if self._channel is None or start != self._start:
                self._channel = grpc.insecure_channel(f"{LOOPBACK}:{port}", options=NO_LIMIT)
                self._port, self._start = port, start
                self._named.clear()
            return self._channel

    def _changed(self, method: str, request: bytes) -> bytes:
        message = _message_with_plan(method.removeprefix(SERVICE))
        if message is None:
            return request
        message.ParseFromString(request)
        with_names_of_sail(message, self._knows)
        return bytes(message.SerializeToString())

    def _knows(self, full_name: str) -> bool:
        """Whether the session knows the table. Names it first if the principal can read it."""
        table = self._catalog.find(full_name, self._who)
        if table is None or not table.is_readable or not is_delta(table.location):
            return False
        with self._lock:
            if full_name not in self._named:
                prepare_session(self._port, self.session_id, self._who.id, [table])
                self._named.add(full_name)
        return True


def _message_with_plan(method: str) -> Any:
    """An empty request for a method whose requests have plans; None for other methods."""
    # A late import: it takes 100 MB, which jobs without Spark do not need.
    from pyspark.sql.connect import proto

    kinds = {"ExecutePlan": proto.ExecutePlanRequest, "AnalyzePlan": proto.AnalyzePlanRequest}
    return kinds[method]() if method in kinds else None
