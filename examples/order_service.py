#!/usr/bin/env python3
"""The order service of a small web shop, which sells from the hub's pool over gRPC.

    pip install grpcio grpcio-status grpcio-tools
    python3 examples/order_service.py --hub 127.0.0.1:8091 --listen 127.0.0.1:9000
    curl -d '{"order_id":"o-1","sku":"85123A","quantity":6}' http://127.0.0.1:9000/orders

Its stubs are generated from proto/stockgate/v1/inventory.proto when it starts. An order is sent with
its order id alone, so a repetition of it, by a customer who clicks twice or by this program after a
failure, is sold once. `--token FILE` names the token, `--ca FILE` the authority of a hub with TLS.
"""

import argparse
import json
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent.parent / "proto"
BODY_BYTES_MAX = 64 * 1024
SECONDS_A_CALL = 5
TRIES = 3
# What may be sent again as it is: whether it was booked is not known, or it was not.
AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def main():
    parser = argparse.ArgumentParser(description="The order service of a small web shop.")
    parser.add_argument("--hub", default="127.0.0.1:8091", help="where the hub listens for gRPC")
    parser.add_argument("--listen", default="127.0.0.1:9000", help="where customers send their orders")
    parser.add_argument("--token", type=Path, help="the file of a token with the role operator")
    parser.add_argument("--ca", type=Path, help="the certificate authority of a hub with TLS")
    parser.add_argument("--check", action="store_true", help="sell a few orders, and end")
    options = parser.parse_args()
    shop = Shop(options)
    if options.check:
        return check(shop)
    host, _, port = options.listen.rpartition(":")
    serve(shop, host, int(port)).serve_forever()


def generated():
    """The modules of messages and stubs."""
    folder = tempfile.mkdtemp(prefix="stockgate-proto-")
    file = "stockgate/v1/inventory.proto"
    failed = protoc.main(["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}", file])
    if failed:
        sys.exit(f"{PROTO / file}: no code can be generated")
    sys.path.insert(0, folder)
    from stockgate.v1 import inventory_pb2, inventory_pb2_grpc

    return inventory_pb2, inventory_pb2_grpc


class Shop:
    def __init__(self, options):
        self.messages, stubs = generated()
        if options.ca:
            credentials = grpc.ssl_channel_credentials(options.ca.read_bytes())
            self.channel = grpc.secure_channel(options.hub, credentials)
        else:
            self.channel = grpc.insecure_channel(options.hub)
        self.stub = stubs.InventoryServiceStub(self.channel)
        token = options.token.read_text().strip() if options.token else None
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def call(self, method, request):
        """Calls a method, again if that may help: its request id makes that safe."""
        for left in reversed(range(TRIES)):
            try:
                return method(request, timeout=SECONDS_A_CALL, metadata=self.metadata, wait_for_ready=True)
            except grpc.RpcError as error:
                if not left or error.code() not in AGAIN:
                    raise

    def receive(self, request_id, sku, units):
        line = self.messages.Line(sku=sku, units=units)
        self.call(self.stub.ReceiveStock, self.messages.ReceiveRequest(request_id=request_id, lines=[line]))

    def order(self, order_id, sku, quantity):
        """Sells an order; returns an HTTP status and what the customer is told."""
        request = self.messages.DeductRequest(sku_id=sku, quantity=quantity, order_id=order_id)
        try:
            outcome = self.call(self.stub.DeductStock, request)
        except grpc.RpcError as error:
            reason, fields = why(error)
            if reason == "insufficient_stock":
                return 409, {"order_id": order_id, "state": "sold out", "available": fields["available"]}
            if reason in ("unknown_sku", "idempotency_conflict", "bad_request"):
                return 422, {"order_id": order_id, "state": "refused", "why": error.details()}
            return 503, {"order_id": order_id, "state": "unknown", "why": error.details()}
        left = outcome.lines[0].available
        return 200, {"order_id": order_id, "state": "sold", "again": outcome.replayed, "left": left.decimal}


def why(error):
    """The reason that an error gives in its google.rpc.ErrorInfo, and its fields."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info.reason, dict(info.metadata)
    return None, {}


def serve(shop, host, port):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length") or 0)
            if self.path != "/orders" or length > BODY_BYTES_MAX:
                return self.answer(404 if self.path != "/orders" else 413, {})
            try:
                order = json.loads(self.rfile.read(length))
                answer = shop.order(str(order["order_id"]), str(order["sku"]), int(order["quantity"]))
            except (ValueError, KeyError, TypeError) as error:
                answer = 400, {"why": f"no order: {error}"}
            self.answer(*answer)

        def answer(self, status, body):
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return ThreadingHTTPServer((host, port), Handler)


def check(shop):
    """Sells a few orders as customers would; returns an exit code."""
    shop.receive("po-1", "85123A", 10)
    server = serve(shop, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def send(order_id, quantity, sku="85123A"):
        body = json.dumps({"order_id": order_id, "sku": sku, "quantity": quantity}).encode()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/orders", body) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    sold = {"order_id": "o-1", "state": "sold", "again": False, "left": "4"}
    expected = [
        (send("o-1", 6), (200, sold)),
        (send("o-1", 6), (200, {**sold, "again": True})),
        (send("o-2", 5), (409, {"order_id": "o-2", "state": "sold out", "available": "4"})),
    ]
    found = send("o-1", 5), send("o-3", 1, sku="none"), send("o-4", 0)
    statuses = [status for status, _ in found]
    faults = [pair for pair in expected if pair[0] != pair[1]]
    if faults or statuses != [422, 422, 422]:
        print(f"not as expected: {faults} {found}", file=sys.stderr)
        return 1
    print("all orders as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
