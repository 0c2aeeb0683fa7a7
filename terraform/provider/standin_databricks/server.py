"""The plugin process: handshake, gRPC server and shutdown."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from concurrent import futures
from typing import Any

import grpc
from tf.gen import grpc_controller_pb2, grpc_controller_pb2_grpc, grpc_stdio_pb2_grpc, tfplugin_pb2_grpc

from standin_databricks.certificate import load_certificate
from standin_databricks.servicer import ProviderServicer

_COOKIE = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2"
_WORKERS = 16
_PARENT_CHECK_S = 1.0


class _Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):  # type: ignore[misc]  # tf ships no types
    def __init__(self, done: threading.Event) -> None:
        self._done = done

    def Shutdown(self, request: Any, context: Any) -> Any:
        self._done.set()
        return grpc_controller_pb2.Empty()


class _Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):  # type: ignore[misc]  # tf ships no types
    def StreamStdio(self, request: Any, context: Any) -> Any:
        return iter([])


def serve() -> None:
    if os.environ.get("TF_PLUGIN_MAGIC_COOKIE") != _COOKIE:
        sys.exit("This program is a Terraform plugin: Terraform starts it.")
    # Terraform handles interrupts and calls StopProvider.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    done = threading.Event()
    server = _build_server(done)
    with tempfile.TemporaryDirectory(prefix="standin-databricks-") as directory:
        socket = os.path.join(directory, "plugin.sock")
        _listen(server, socket)
        # If Terraform is killed, it does not call Shutdown, so exit when the parent has died.
        while not done.wait(_PARENT_CHECK_S) and os.getppid() == parent:
            pass
        server.stop(0.2).wait(1)


def _build_server(done: threading.Event) -> Any:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=_WORKERS))
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(ProviderServicer(), server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(_Controller(done), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(_Stdio(), server)
    return server


def _listen(server: Any, socket: str) -> None:
    certificate = load_certificate()
    credentials = grpc.ssl_server_credentials([(certificate.key_pem, certificate.certificate_pem)])
    server.add_secure_port(f"unix://{socket}", credentials)
    server.start()
    print(f"1|6|unix|{socket}|grpc|{certificate.der_base64}", flush=True)
