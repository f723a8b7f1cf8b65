#!/usr/bin/env python3
"""Keeps a table of stock from the hub's events, with Python's standard library alone; see docs/HUB.md.

usage: warehouse_table.py feed HUB TABLE [--token-file FILE] [--once]
       warehouse_table.py webhook PORT SECRET_FILE TABLE

TABLE is an SQLite file: `stock` has the units of each SKU and gateway, and of the hub's pool where
site and gateway are empty. `event` has the ids of the events that are counted. An event and what it
changes are one transaction, so each event counts once, however often it comes and whenever this
program is killed. `feed` asks HUB (http://127.0.0.1:8090) for events and remembers the cursor in the
same transaction; with --once it ends when there are no more. `webhook` listens on 127.0.0.1 as a sink
of the hub and verifies each signature (Standard Webhooks).
"""
import argparse
import base64
import hashlib
import hmac
import http.server
import json
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal

TABLES = """
CREATE TABLE IF NOT EXISTS event (event_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stock (sku TEXT, site TEXT, gateway TEXT, units TEXT,
    PRIMARY KEY (sku, site, gateway)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed (one INTEGER PRIMARY KEY CHECK (one = 1), cursor TEXT);
"""
CLOCK_DIFFERENCE_S = 300
BODY_BYTES_MAX = 8 << 20


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    ways = parser.add_subparsers(required=True)
    feed = ways.add_parser("feed")
    feed.add_argument("hub")
    feed.add_argument("table")
    feed.add_argument("--token-file")
    feed.add_argument("--once", action="store_true")
    feed.set_defaults(run=follow)
    webhook = ways.add_parser("webhook")
    webhook.add_argument("port", type=int)
    webhook.add_argument("secret_file")
    webhook.add_argument("table")
    webhook.set_defaults(run=serve)
    options = parser.parse_args()
    options.run(options)


def open_table(path):
    table = sqlite3.connect(path, isolation_level=None)
    table.execute("PRAGMA journal_mode = WAL")
    table.execute("PRAGMA synchronous = FULL")
    table.executescript(TABLES)
    return table


def count(table, events, cursor=None):
    """Counts those of the events that were not counted before, all or none of them."""
    table.execute("BEGIN IMMEDIATE")
    try:
        for event in events:
            new = table.execute("INSERT OR IGNORE INTO event VALUES (?)", (event["event_id"],))
            if new.rowcount:
                add(table, event)
        if cursor:
            table.execute("INSERT OR REPLACE INTO feed VALUES (1, ?)", (cursor,))
        table.execute("COMMIT")
    except BaseException:
        table.execute("ROLLBACK")
        raise


def add(table, event):
    place = event["sku"], event["site"] or "", event["gateway"] or ""
    found = table.execute("SELECT units FROM stock WHERE sku = ? AND site = ? AND gateway = ?", place)
    units = Decimal((found.fetchone() or ["0"])[0]) + event["change"]
    table.execute("INSERT OR REPLACE INTO stock VALUES (?, ?, ?, ?)", (*place, str(units)))


def parse(text):
    # A fraction is exact as a decimal only.
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def follow(options):
    table = open_table(options.table)
    cursor = (table.execute("SELECT cursor FROM feed").fetchone() or ["0"])[0]
    headers = {}
    if options.token_file:
        with open(options.token_file, encoding="utf-8") as file:
            headers["authorization"] = "Bearer " + file.read().strip()
    pause = 1
    while True:
        query = urllib.parse.urlencode({"after": cursor, "limit": 1000, "wait_s": 0 if options.once else 30})
        request = urllib.request.Request(f"{options.hub}/api/events?{query}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                page = parse(answer.read())
            pause = 1
        except urllib.error.HTTPError as error:
            # 410: what follows is not kept any more, and sums would be wrong. People have to look.
            if error.code in (400, 401, 403, 410):
                raise SystemExit(f"{error.code}: {error.read().decode()}") from error
            time.sleep(pause := min(2 * pause, 60))
            continue
        except OSError:
            time.sleep(pause := min(2 * pause, 60))
            continue
        count(table, page["events"], page["next"])
        cursor = page["next"]
        if options.once and not page["events"]:
            return


def serve(options):
    with open(options.secret_file, encoding="utf-8") as file:
        key = base64.b64decode(file.read().strip().removeprefix("whsec_"))
    table = open_table(options.table)

    class Sink(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length) if length <= BODY_BYTES_MAX else b""
            if not is_signed(key, self.headers, body):
                self.close_connection = True  # The body may not have been read.
                return self.answer(401)
            count(table, parse(body))
            # Only now: the hub does not send again what was answered with 2xx.
            self.answer(204)

        def answer(self, status):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    http.server.HTTPServer(("127.0.0.1", options.port), Sink).serve_forever()


def is_signed(key, headers, body):
    sent = headers.get("webhook-timestamp", "")
    if not sent.isdecimal() or abs(time.time() - int(sent)) > CLOCK_DIFFERENCE_S:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    signatures = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(expected, signature) for signature in signatures)


if __name__ == "__main__":
    main()
