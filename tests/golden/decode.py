#!/usr/bin/env python3
"""Decodes a stockgate frame by docs/PROTOCOL.md, with nothing but Python's standard library.

decode.py FILE...   prints the JSON that `stockgate-hub decode` prints, of each file: a frame's
bytes, or (*.hex) their hexadecimal digits. A frame that is to be left aside ends it with code 1.
"""
import datetime, json, re, struct, sys, unicodedata, uuid, zlib

KINDS = "deduct restock count rollback reserve commit release expire grant recall".split()
SIGNS = [(-1, 0), (1, 0), (1, 0), (1, 0), (0, 1), (-1, -1), (0, -1), (0, -1), (1, 0), (-1, 0)]
STOCK_MAX = 2**53 - 1
# The kinds that a hub sends.
DOWN = (3, 4, 5, 8, 9, 10, 13)


def check(holds, what):
    if not holds:
        raise ValueError(what)


def ident(text, longest=64):
    check(1 <= len(text.encode()) <= longest, "an id is empty or too long")
    check(all(unicodedata.category(c) != "Cc" for c in text), "an id has control characters")
    return text


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        check(size <= len(self.data) - self.at, "cut")
        self.at += size
        return self.data[self.at - size:self.at]

    def varint(self, bits=64):
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            shift += 7
            check(number < 1 << bits and (byte < 0x80 or shift < bits), "a number is too large")
            if byte < 0x80:
                return number

    def signed(self):
        number = self.varint()
        return number >> 1 if number % 2 == 0 else -(number >> 1) - 1

    def number(self, least=0):
        number = self.varint()
        check(least <= number < 2**63, "a number is out of range")
        return number

    def size(self, most):
        size = self.varint()
        check(size <= most, "a size is out of range")
        return size

    def option(self, read):
        some = self.take(1)[0]
        check(some < 2, "neither there nor not")
        return read() if some else None

    def list(self, read):
        return [read() for _ in range(self.varint())]

    def text(self):
        return self.take(self.varint()).decode()

    # What bodies are made of.
    def epoch(self):
        return str(uuid.UUID(bytes=self.take(16)))

    def sku(self):
        return ident(self.text())

    def hash(self):
        return "%016x" % self.varint()

    def taken(self):
        return {key: self.number() for key in ("transfer", "at_seq", "catalogue")}

    def part(self, longest=60):
        bits, prefix = self.take(1)[0], self.varint()
        check(bits <= longest and bits % 4 == 0 and prefix >> bits == 0, "no such part")
        return {"bits": bits, "prefix": prefix}

    def line(self):
        sku, quantity = self.sku(), self.varint()
        check(1 <= quantity <= STOCK_MAX, "a quantity is out of range")
        return {"sku": sku, "quantity": quantity}

    def transfer(self):
        number, request = self.number(1), ident(self.text(), 72)
        direction, lines = self.varint(32), None
        check(direction < 2, "an unknown direction")
        lines = self.list(self.line)
        check(1 <= len(lines) <= 250, "too many lines, or none")
        return {"number": number, "request_id": request,
                "direction": ("Grant", "Recall")[direction], "lines": lines}

    def listing(self):
        return {"sku": self.sku(), "name": self.option(self.text), "barcodes": self.list(self.text)}

    # What only version 2 has.
    def bytes(self, size):
        return self.take(size).hex()

    def listing_2(self):
        listing = {"sku": self.sku(), "name": self.option(self.text)}
        unit, decimals = self.option(self.text), self.take(1)[0]
        check(decimals <= 6, "too many decimals")
        listing["barcodes"] = self.list(self.barcode)
        listing.update({"unit": unit} if unit is not None else {})
        return {**listing, **({"decimals": decimals} if decimals else {})}

    def barcode(self):
        code, content = self.text(), self.varint()
        check(1 <= content <= STOCK_MAX, "a content is out of range")
        return code if content == 1 else f"{code}*{content}"

    # Who asked for transfers and why, and which goods they are.
    def said(self, transfers):
        said = self.list(lambda: (self.named("actor", "reason"), self.list(self.trace)))
        check(not said or [len(of_lines) for _, of_lines in said] == [len(t["lines"]) for t in transfers],
              "what is said is of other transfers")
        for transfer, (cause, traces) in zip(transfers, said):
            transfer.update(cause)
            for line, trace in zip(transfer["lines"], traces):
                line.update(trace)

    def named(self, *names):
        texts = [(name, self.option(lambda: ident(self.text()))) for name in names]
        return {name: text for name, text in texts if text is not None}

    def trace(self):
        trace = self.option(lambda: (self.named("lot", "serial"), self.option(self.signed)))
        texts, day = trace or ({}, None)
        check(day is None or -719162 <= day < 2932897, "a day is out of range")
        date = datetime.date.fromordinal(day + 719163) if day is not None else None
        return {**texts, **({"expires": str(date)} if date else {})}

    def books(self):
        return {"books": self.epoch(), "generation": self.number()}

    def bound(self):
        body = self.option(self.books) or {"books": None, "generation": None}
        return {**body, "acked_seq": self.number(), "frame_bytes": self.varint(32),
                "device_key": self.option(lambda: self.bytes(32))}

    def refused(self):
        one = {"sku": self.sku(), "lines": self.varint(), "units": self.varint()}
        check(max(one["lines"], one["units"]) <= STOCK_MAX, "a demand is out of range")
        return one

    # What columns are made of.
    def differences(self, count):
        numbers, before = [], 0
        for _ in range(count):
            before = (before + self.signed() + 2**63) % 2**64 - 2**63
            numbers.append(before)
        return numbers

    def texts(self, orders, longest=64):
        texts, text = [], b""
        for way, order in zip(self.take(len(orders)), orders):
            text = self.follow(way, text, order)
            texts.append(ident(text.decode(), longest))
        return texts

    # An item for each key; it may be the last one of the same key.
    def listed(self, keys):
        texts = self.texts([None] * self.size(len(keys)))
        low = self.take(len(keys))
        high = self.take(len(keys)) if len(texts) + 2 > 256 else bytes(len(keys))
        last, items = {}, []
        for key, place in zip(keys, (a + 256 * b for a, b in zip(low, high))):
            check(place < len(texts) + 2, "an entry has a value that the frame does not list")
            if place:
                last[key] = None if place == 1 else texts[place - 2]
            items.append(last.get(key))
        return items

    def days(self, keys):
        last, before, days = {}, 0, []
        for key, number in [(key, self.varint()) for key in keys]:
            if number > 1:
                before += (number - 2) // 2 if number % 2 == 0 else -(number - 1) // 2
                check(-719162 <= before < 2932897, "a day is out of range")
                last[key] = str(datetime.date.fromordinal(before + 719163))
            elif number:
                last[key] = None
            days.append(last.get(key))
        return days

    def follow(self, way, before, order):
        if way == 0:
            return before
        if way == 1 and order is not None:
            return order.encode()
        if way == 2:
            return re.sub(rb"[0-9]{1,18}", self.step, before)
        check(way in (3, 4), "an unknown way")
        kept = before[:self.size(len(before))]
        kept.decode()
        return kept + (str(uuid.UUID(bytes=self.take(16))).encode() if way == 3
                       else self.take(self.varint()))

    def step(self, number):
        stepped = int(number[0]) + self.signed()
        check(0 <= stepped < 10**18, "a text's number is too large")
        return b"%0*d" % (len(number[0]), stepped)


def at(ms):
    ms = min(max(ms, 0), 253402300799999)
    time = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return time.isoformat(timespec="milliseconds") + "Z"


def sections(reader, sizes, different, entries):
    used = reader.take(1)[0]
    check(used < 128, "a section that is not known")
    groups = [None] * len(sizes)
    actors = reader.listed(groups) if used & 1 else groups
    reasons = reader.listed(groups) if used & 2 else groups
    skus = [entry["sku"] for entry in entries]
    lots = reader.listed(skus) if used & 4 else [None] * len(skus)
    given = reader.take(len(skus)) if used & 8 else bytes(len(skus))
    check(max(given) <= 1, "an entry has a value that the frame does not list")
    serials = iter(reader.texts([None for is_given in given if is_given]))
    serials = [next(serials) if is_given else None for is_given in given]
    days = reader.days(list(zip(skus, lots))) if used & 16 else [None] * len(skus)
    group_of = [group for group, size in enumerate(sizes) for _ in range(size)]
    for entry, group, lot, serial, day in zip(entries, group_of, lots, serials, days):
        said = {"actor": actors[group], "reason": reasons[group], "lot": lot, "serial": serial,
                "expires": day}
        entry.update({name: text for name, text in said.items() if text is not None})
    if used & 64:
        number = reader.size(len(different))
        booked = [(reader.size(len(different) - 1), reader.take(1)[0]) for _ in range(number)]
        check(all(decimals <= 6 for _, decimals in booked), "an entry has a value that the frame does not list")
        return {different[place]: decimals for place, decimals in booked}
    return {} if used & 32 else None


def columns(data, first, count, version):
    reader = Reader(data)
    length = reader.size(512 * 1024)
    if length:
        inflater = zlib.decompressobj(-15)
        inflated = inflater.decompress(reader.data[reader.at:], length)
        # What ends the stream may be left to read, though all bytes are there.
        more = inflater.decompress(inflater.unconsumed_tail, 1)
        ended = inflater.eof and not inflater.unused_data and not more
        check(ended and len(inflated) == length, "it cannot be inflated")
        reader = Reader(inflated)
    groups = reader.size(count)
    sizes = [reader.size(count) for _ in range(groups)]
    check(0 not in sizes and sum(sizes) == count, "the groups have another number of entries")
    flags = reader.take(groups)
    check(all(flag & 15 < len(KINDS) and (flag < 128 or flag & 15 == 3) for flag in flags), "an unknown kind of entry")
    times = reader.differences(groups)
    named = iter(reader.texts([None for flag in flags if flag & 16]))
    orders = [next(named) if flag & 16 else None for flag in flags]
    requests = reader.texts(orders, 72)
    skus = reader.texts([None] * reader.size(count))
    places = iter(reader.differences(count))
    entries = []
    for size, flag, time, order, request in zip(sizes, flags, times, orders, requests):
        for _ in range(size):
            place, amount = next(places), reader.signed()
            check(0 <= place < len(skus), "an entry has a SKU that the frame does not list")
            changes = ((amount, reader.signed()) if flag & 32
                       else tuple(amount * sign for sign in SIGNS[flag & 15]))
            check(all(abs(change) <= STOCK_MAX for change in changes), "a change is out of range")
            entries.append({
                "seq": first + len(entries), "kind": KINDS[flag & 15], "sku": skus[place],
                "change": changes[0], "reserved_change": changes[1], "order_id": order,
                "request_id": request, "at": at(time)})
            if flag & 128:
                entries[-1]["undoes"] = "count"
            if flag & 64:
                entries[-1]["clock"] = "untrusted"
    decimals = sections(reader, sizes, skus, entries) if version == 2 else None
    check(reader.at == len(reader.data), "the columns are too long")
    return entries, decimals


def decode(frame):
    check(12 <= len(frame) <= 32 * 1024, "too short or too long")
    magic, version, kind, length, crc = struct.unpack("<2sBBII", frame[:12])
    check(magic == b"SG", "not a stockgate frame")
    check(version in (1, 2), "another version")
    check(length == len(frame) - 12, "cut or lengthened")
    check(crc == zlib.crc32(frame[2:8] + frame[12:]), "the checksum is wrong")
    r = Reader(frame[12:])
    head = {"version": 2} if version == 2 else {}
    if version == 2 and kind in DOWN:
        head.update(r.books())
    return {**head, **content(r, kind, version)}  # Fields appended by a newer program are ignored.


def content(r, kind, version):
    chain = r.hash if version == 1 else lambda: r.bytes(32)
    if kind == 1:
        body = {"kind": "hello", "epoch": r.epoch(), "ledger_seq": r.number(), "digest": r.hash(),
                "chain": chain(), "nonce": r.varint(), "software": r.text(), "taken": r.taken()}
        body.update(r.bound() if version == 2 else {})
        check(len(body["software"].encode()) <= 256, "the software's name is too long")
    elif kind == 2:
        body = {"kind": "entries", "epoch": r.epoch()}
        first, body["digest"], body["chain"] = r.varint(), r.hash(), chain()
        count, body["taken"] = r.varint(32), r.taken()
        check(1 <= count <= 1000 and 1 <= first <= 2**63 - count, "a position is out of range")
        body["entries"], decimals = columns(r.take(r.varint()), first, count, version)
        if decimals is not None:
            body["decimals"] = decimals
    elif kind == 3:
        body = {"kind": "resume", "epoch": r.epoch(), "acked_seq": r.number(), "nonce": r.varint()}
    elif kind == 4:
        body = {"kind": "ack", "epoch": r.epoch(), "acked_seq": r.number()}
    elif kind == 5:
        body = {"kind": "refused", "epoch": r.epoch(), "reason": r.text()}
    elif kind == 6:
        body = {"kind": "behind", "epoch": r.epoch(), "acked_seq": r.number(),
                "ledger_seq": r.number()}
    elif kind == 7:
        body = {"kind": "taken", "epoch": r.epoch(), "taken": r.taken()}
    elif kind == 8:
        body = {"kind": "transfers", "epoch": r.epoch(), "transfers": r.list(r.transfer)}
        numbers = [transfer["number"] for transfer in body["transfers"]]
        whole = numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False
        check(whole and len(numbers) <= 500, "a gap, too many transfers, or none")
        if version == 2 and r.at < len(r.data):
            r.said(body["transfers"])
    elif kind == 9:
        body = {"kind": "catalogue", "epoch": r.epoch(), "after": r.number(), "up_to": r.number(),
                "listings": r.list(r.listing if version == 1 else r.listing_2)}
        check(body["after"] < body["up_to"], "no change of the catalogue")
        check(len(body["listings"]) <= 500, "too many listings")
    elif kind == 10:
        body = {"kind": "probe", "epoch": r.epoch(), "part": r.part()}
    elif kind == 11:
        body = {"kind": "sums", "epoch": r.epoch(), "seq": r.number(), "part": r.part(56),
                "sums": r.list(r.hash)}
        check(len(body["sums"]) == 16, "not sixteen sums")
    elif kind == 12:
        body = {"kind": "figures", "epoch": r.epoch(), "seq": r.number(), "part": r.part(),
                "figures": r.list(lambda: [r.sku(), r.signed(), r.signed()])}
        check(len(body["figures"]) <= 250, "too many figures")
        check(all(abs(n) <= STOCK_MAX for _, *stock in body["figures"] for n in stock),
              "a stock is out of range")
    elif kind == 13 and version == 2:
        body = {"kind": "held", "epoch": r.epoch(), "reason": r.text()}
    elif kind == 14 and version == 2:
        body = {"kind": "demand", "epoch": r.epoch(), "day": r.varint(32),
                "refused": r.list(r.refused)}
        check(len(body["refused"]) <= 250, "too many SKUs")
    elif kind == 15 and version == 2:
        body = {"kind": "checkpoint", "epoch": r.epoch(), "seq": r.number(), "chain": r.bytes(32),
                "at": at(r.signed()), "signature": r.bytes(64)}
    else:
        raise ValueError(f"frames of kind {kind} are not known here")
    return body


if __name__ == "__main__":
    for file in sys.argv[1:]:
        with open(file, "rb") as opened:
            data = opened.read()
        try:
            data = bytes.fromhex(data.decode()) if file.endswith(".hex") else data
            print(json.dumps(decode(data), indent=2, sort_keys=True, ensure_ascii=False))
        except (ValueError, zlib.error) as error:
            sys.exit(f"{file}: {error}")
