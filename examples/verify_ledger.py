#!/usr/bin/env python3
"""Verifies an export of a ledger with Python's standard library alone; see docs/EXPORT.md.

usage: verify_ledger.py EXPORT [--key PUBLIC_KEY] [--checkpoint FILE]

Without the signer's PUBLIC_KEY (hexadecimal) that of the export is believed. FILE holds a later
checkpoint. Exits with 0, or with 1 and the first entry that is wrong.
"""
import argparse
import datetime
import hashlib
import json
import uuid
from struct import pack

KINDS = "deduct restock count rollback reserve commit release expire grant recall".split()
NAMESPACE = uuid.UUID("f98470bd-9efb-5661-86b0-7716d250e2a0")

P = 2**255 - 19  # Ed25519 (RFC 8032); a signature takes some milliseconds.
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(number, point):
    result = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point(bytes([0x58]) + bytes([0x66]) * 31)


def is_signed(key, message, signature):
    try:
        r, s, a = point(signature[:32]), int.from_bytes(signature[32:], "little"), point(key)
    except ValueError:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    left = multiply(s, BASE)
    right = add(r, multiply(int.from_bytes(digest, "little") % L, a))
    same = all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))
    return len(signature) == 64 and s < L and same


class Wrong(Exception): ...


def text(value):
    data = b"" if value is None else value.encode()
    return bytes([255 if value is None else len(data)]) + data


def chained(of_hub, chain, entry):
    if not any(chain[8:]):
        if not any(bytes.fromhex(entry["chain"])[8:]):
            return bytes.fromhex(entry["chain"])  # The older chain, which is believed.
        before = pack("<q", entry["seq"] - 1)
        chain = hashlib.sha256(b"stockgate chain 2" + chain[:8] + before).digest()
    code = 128 if of_hub else KINDS.index(entry["kind"]) + 64 * (entry.get("clock") == "untrusted")
    changes = [entry.get(f"{of}change", 0) for of in ("", "reserved_", "in_transit_")[: 2 + of_hub]]
    names = of_hub * ["kind"] + "sku order_id request_id actor reason lot serial".split()
    texts, date = b"".join(text(entry.get(name)) for name in names), entry.get("expires")
    day = datetime.date.fromisoformat(date).toordinal() - 719163 if date else -2**31
    data = pack(f"<B{len(changes) + 2}q", code, *changes, entry["at_ms"], entry["seq"])
    place = text(entry.get("site")) + text(entry.get("gateway")) if of_hub else b""
    return hashlib.sha256(chain + data + texts + pack("<i", day) + place).digest()


def derived(head, entry):
    ms = min(max(entry["at_ms"], 0), 253402300799999)
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    place = f"{head['site']}/{head['gateway']}/" if head["site"] else ""
    name = f"{place}{head['epoch']}/{entry['seq']}"
    return str(uuid.uuid5(NAMESPACE, name)), time.isoformat(timespec="milliseconds") + "Z"


def message(head, checkpoint):
    return (b"stockgate checkpoint 1" + text(head["site"]) + text(head["gateway"])
            + uuid.UUID(head["epoch"]).bytes
            + pack("<2q", checkpoint["seq"], checkpoint["at_ms"]) + bytes.fromhex(checkpoint["chain"]))


def verify(lines, key, later):
    head = json.loads(next(lines))
    key = key or bytes.fromhex(head["public_key"] or "")
    chain, last, signed = bytes.fromhex(head["chain"]), head["after"], None
    chains, unsigned = {last: chain}, last + 1
    for line in lines:
        entry = json.loads(line)
        if checkpoint := entry.get("checkpoint"):
            signature = bytes.fromhex(checkpoint["signature"])
            if not is_signed(key, message(head, checkpoint), signature):
                raise Wrong(f"entry {unsigned}: the checkpoint at {checkpoint['seq']} is forged")
            if checkpoint["seq"] > last:
                raise Wrong(f"entry {last + 1} is missing: a checkpoint is beyond it")
            if checkpoint["seq"] < last or bytes.fromhex(checkpoint["chain"]) != chain:
                raise Wrong(f"entry {unsigned}: it or a later one is not what was signed")
            signed, unsigned = last, last + 1
            continue
        if entry["seq"] != last + 1:
            raise Wrong(f"entry {last + 1} is missing, or not in its place")
        chain, last = chained(head["site"] == "", chain, entry), last + 1
        if entry["chain"] != chain.hex() or (entry["event_id"], entry["at"]) != derived(head, entry):
            raise Wrong(f"entry {last} is not what was entered")
        chains[last] = chain
    if later:
        if not is_signed(key, message(head, later), bytes.fromhex(later["signature"])):
            raise Wrong("the later checkpoint is forged")
        if later["seq"] > last:
            raise Wrong(f"entry {last + 1} is missing: a checkpoint is at {later['seq']}")
        if chains.get(later["seq"], b"").hex() != later["chain"]:
            raise Wrong(f"entry {unsigned}: it or a later one is not what was signed")
    return last, max(signed or 0, later["seq"] if later else 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("export", type=argparse.FileType(encoding="utf-8"))
    parser.add_argument("--key", type=bytes.fromhex)
    parser.add_argument("--checkpoint", type=argparse.FileType(encoding="utf-8"))
    asked = parser.parse_args()
    try:
        later = json.load(asked.checkpoint)["checkpoint"] if asked.checkpoint else None
        last, signed = verify(iter(asked.export), asked.key, later)
    except (Wrong, KeyError, TypeError, ValueError, StopIteration) as wrong:
        raise SystemExit(f"{type(wrong).__name__}: {wrong}")
    print(f"sound up to entry {last};", f"signed up to entry {signed}" if signed else "not signed")
