#!/usr/bin/env python3
"""Verifies an export (docs/EXPORT.md). Exits with 0, or with 1 and the first entry that is wrong or not proved."""
import argparse, datetime, hashlib, json, re, struct, unicodedata, uuid

KINDS = "deduct restock count rollback reserve commit release expire grant recall".split()
HUB_KINDS = {*KINDS, "receipt", "bring_back", "correction"} - {"restock", "count"}
IDS, SAID = ["sku", "order_id", "request_id"], ["actor", "reason", "lot", "serial"]
NAMESPACE = uuid.UUID("f98470bd-9efb-5661-86b0-7716d250e2a0")

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519 (RFC 8032)
D = -121665 * pow(121666, -1, P) % P
def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P

def multiply(number, point):
    half = multiply(number >> 1, add(point, point)) if number else (0, 1, 1, 0)
    return add(half, point) if number & 1 else half

def point(data):
    y = int.from_bytes(data, "little") % 2**255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    x = x if x & 1 == data[31] >> 7 else P - x
    return (x, y, 1, x * y % P) if (x * x - square) % P == 0 else None

def is_signed(key, message, signature):
    s = int.from_bytes(signature[32:], "little")
    digest = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    base, a = point(b"\x58" + b"\x66" * 31), point(key)
    x, y, z, _ = add(multiply(s, base), multiply(digest, (P - a[0], a[1], a[2], P - a[3])))
    x, y = (value * pow(z, P - 2, P) % P for value in (x, y))
    return s < L and signature[:32] == (y + (x & 1) * 2**255).to_bytes(32, "little")

class Wrong(SystemExit): ...

def need(is_right, why="it is not what was entered, or its line cannot be read"):
    if not is_right:
        raise ValueError(why)

def need_same(fields, written):  # In Python 1, 1.0 and true are equal; in JSON they are not.
    need(json.dumps(fields, sort_keys=True) == json.dumps(written, sort_keys=True))

def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "a name is in the line twice")
    return dict(pairs)

def text(entry, name):
    if name not in entry:
        return b"\xff"
    value, data = entry[name], entry[name].encode()
    need(0 < len(data) <= (72 if name == "request_id" else 64) and "Cc" not in map(unicodedata.category, value))
    need(name in IDS or value == value.strip() and (name in SAID or re.fullmatch("[A-Za-z0-9._-]+", value)))
    return bytes([len(data)]) + data

def begin(head, key):
    need(head["stockgate_export"] == 1, "the export has a version that is not known")
    named, after, pruned = head["public_key"], int(head["after"]), int(head.get("pruned", 0))
    need(head["site"] == head["gateway"] == "" or text(head, "site") + text(head, "gateway"))
    need_same(head, {name: head[name] for name in ("site", "gateway")} | ({"pruned": pruned} if pruned else {}) | {
        "stockgate_export": 1, "epoch": str(uuid.UUID(head["epoch"])), "after": after,
        "chain": bytes.fromhex(head["chain"]).hex(), "public_key": named and bytes.fromhex(named).hex()})
    need(len(head["chain"]) == 64 and (named is None or len(named) == 64) and 0 <= pruned <= after < 2**63)
    need(not key or key.hex() == named or not named and len(key) == 32, "another key than --key has signed it")
    chain = bytes.fromhex(head["chain"])
    begun = hashlib.sha256(b"stockgate chain 2" + chain[:8] + struct.pack("<q", after)).digest()
    return key or bytes.fromhex(named or ""), chain if any(chain[8:]) else begun, after

def chained(head, chain, entry, seq):
    need(any(bytes.fromhex(entry["chain"])[8:]), "it has the older chain, which only stockgate verify reads")
    of_hub, at_ms = head["site"] == "", int(entry["at_ms"])
    changes = ["change", "reserved_change", "in_transit_change"][: 2 + of_hub]
    need(entry["kind"] in (HUB_KINDS if of_hub else KINDS) and ("site" in entry) == ("gateway" in entry))
    undoes = {"undoes": "count"} if entry["kind"] == "rollback" and "undoes" in entry and not of_hub else {}
    code = 128 if of_hub else KINDS.index(entry["kind"]) + 64 * ("clock" in entry) + 128 * len(undoes)
    numbers = [code, *(int(entry.get(name, 0)) for name in changes), at_ms, seq]
    day = datetime.date.fromisoformat(entry["expires"]) if "expires" in entry else None
    parts = ["kind"] * of_hub + IDS + SAID, ["site", "gateway"] * of_hub
    texts, place = (b"".join(text(entry, name) for name in names) for names in parts)
    days = struct.pack("<i", day.toordinal() - 719163 if day else -2**31)
    chain = hashlib.sha256(chain + struct.pack(f"<B{len(numbers) - 1}q", *numbers) + texts + days + place).digest()
    event = uuid.uuid5(NAMESPACE, f"{head['site']}/{head['gateway']}/{head['epoch']}/{seq}".lstrip("/"))
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=min(max(at_ms, 0), 253402300799999))
    written = {name: entry[name] for name in [*parts[0], *parts[1]] if name in entry}
    written |= {name: int(entry[name]) for name in changes if name == "change" or entry.get(name)}
    written |= undoes | ({"expires": str(day)} if day else {}) | ({"clock": "untrusted"} if code & 64 else {})
    need_same(entry, written | {
        "seq": seq, "kind": entry["kind"], "sku": entry["sku"], "request_id": entry["request_id"], "at_ms": at_ms,
        "event_id": str(event), "at": time.isoformat(timespec="milliseconds") + "Z", "chain": chain.hex()})
    return chain

def read_checkpoint(head, key, first, checkpoint):
    seq, at_ms = int(checkpoint["seq"]), int(checkpoint["at_ms"])
    chain, signature = bytes.fromhex(checkpoint["chain"]), bytes.fromhex(checkpoint["signature"])
    need_same(checkpoint, {"seq": seq, "at_ms": at_ms, "chain": chain.hex(), "signature": signature.hex()})
    need(len(chain) == 32 and len(signature) == 64 and seq >= 0)
    names = b"".join(bytes([len(head[name])]) + head[name].encode() for name in ("site", "gateway"))
    message = b"stockgate checkpoint 1" + names + uuid.UUID(head["epoch"]).bytes + struct.pack("<2q", seq, at_ms)
    if not key or not point(key) or not is_signed(key, message + chain, signature):
        raise Wrong(f"entry {first} is wrong: the checkpoint at {seq} is not signed by this device")
    return seq, chain

def verify(lines, key=None, later=None):
    head, last, signed, known, unsigned = None, 0, 0, {}, []
    for line in lines:
        try:
            fields = json.loads(line.decode(), object_pairs_hook=unique, parse_int=lambda n: n if n == "-0" else int(n))
            if head is None:
                key, chain, after = begin(fields, key)
                head, last, signed = fields, after, after
                known.update([read_checkpoint(head, key, after + 1, later)] if later else [])
                need(min(known, default=after) >= after, "the later checkpoint is before it")
            elif "checkpoint" in fields:
                seq, signed_chain = read_checkpoint(head, key, signed + 1, **fields)
                need(seq == last, f"it is missing, or the checkpoint at {seq} is not in its place")
                known[seq] = signed_chain
            else:
                need(fields["seq"] == last + 1, "it is missing, or not in its place")
                chain, last = chained(head, chain, fields, last + 1), last + 1
                unsigned.append(None if "clock" in fields else fields["at_ms"])
        except Exception as error:
            why = error if type(error) is ValueError else "its line cannot be read"
            raise Wrong(f"entry {last + 1} is wrong: {why}")
        if known.get(last, chain) != chain:
            raise Wrong(f"entry {signed + 1} is wrong: it, or one up to {last}, is not what was signed")
        signed, unsigned = (last, []) if known.pop(last, None) else (signed, unsigned)
    if head is None or known:
        raise Wrong(f"entry {last + 1} is wrong: it is missing: the ledger had come to {max(known, default=1)}")
    times = [ms for ms in unsigned if ms is not None] or [0]
    if len(unsigned) > 10_000 or times[-1] - times[0] > 600_000 or key and after == signed < last:
        raise Wrong(f"entry {signed + 1} is not proved: it and what follows is not signed")
    return (f"sound from entry {after + 1} " if after else "sound ") + f"up to entry {last}; " + (
        f"signed up to entry {signed}" if signed > after else "not signed") + (
        f"; nothing proves the last {last - signed} entries yet" if last > signed else "")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export", type=argparse.FileType("rb"))
    parser.add_argument("--key", type=bytes.fromhex, help="the signer's public key; without it that of the export")
    parser.add_argument("--checkpoint", type=argparse.FileType(), help="a file with a later checkpoint")
    asked = parser.parse_args()
    try:
        later = json.load(asked.checkpoint)["checkpoint"] if asked.checkpoint else None
        later and later.pop("public_key", None)
    except Exception as error:
        raise SystemExit(f"--checkpoint: it is not one: {error}")
    print(verify(asked.export, asked.key, later))
