"""Deductions over HTTP, each in a transaction of its own.

    one_by_one.py DATABASE PORT SKUS REMEMBERED
"""
import asyncio
import contextlib
import json
import sqlite3
import sys
import uuid

SCHEMA = """
    CREATE TABLE stock (sku TEXT PRIMARY KEY, on_hand INTEGER NOT NULL);
    CREATE TABLE ledger (seq INTEGER PRIMARY KEY, request_id TEXT NOT NULL, sku TEXT NOT NULL,
        change INTEGER NOT NULL, on_hand INTEGER NOT NULL, at INTEGER NOT NULL);
"""
INSERT = "INSERT INTO ledger VALUES (NULL, ?, ?, ?, ?, unixepoch())"


def fill(db, skus, remembered):
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA cache_size = -65536;" + SCHEMA)
    db.execute("BEGIN")
    db.executemany("INSERT INTO stock VALUES (?, 1000000000)", ((f"S{n:07}",) for n in range(skus)))
    db.executemany(INSERT, ((str(uuid.uuid4()), "S0000000", -1, 0) for _ in range(remembered)))
    db.execute("COMMIT")
    db.execute("CREATE UNIQUE INDEX by_request ON ledger (request_id)")
    db.execute("PRAGMA synchronous = FULL")


def deduct(db, request_id, sku, quantity):
    db.execute("BEGIN IMMEDIATE")
    try:
        row = db.execute("SELECT on_hand FROM ledger WHERE request_id = ?", (request_id,)).fetchone()
        if row is None:
            row = db.execute(
                "UPDATE stock SET on_hand = on_hand - ?1 WHERE sku = ?2 AND on_hand >= ?1"
                " RETURNING on_hand", (quantity, sku)).fetchone()
            if row is None:
                return 409, {"code": "insufficient_stock"}
            db.execute(INSERT, (request_id, sku, -quantity, row[0]))
        return 200, {"request_id": request_id, "on_hand": row[0]}
    finally:
        db.execute("COMMIT")


async def serve(db, reader, writer):
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            body = json.loads(await reader.readexactly(int(fields[b"content-length"])))
            status, answer = deduct(db, body["request_id"], body["sku"], body["quantity"])
            text = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n%b" % (status, len(text), text))
            await writer.drain()
    writer.close()


async def main():
    database, port, skus, remembered = sys.argv[1], *map(int, sys.argv[2:5])
    db = sqlite3.connect(database, isolation_level=None)
    fill(db, skus, remembered)
    server = await asyncio.start_server(lambda *ends: serve(db, *ends), "127.0.0.1", port)
    await server.serve_forever()


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
