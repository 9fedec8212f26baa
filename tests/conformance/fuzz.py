#!/usr/bin/env python3
"""Sends a node what nobody should, and checks that it stays polite: answers are well formed, nothing is an internal
error or a panic, and it still answers at the end."""

import argparse
import json
import os
import secrets
import socket
import struct
import sys
import time
from random import Random
from urllib.parse import urlsplit

from hostile import Values, known

# Patience with one answer; the node is not optimised.
PATIENCE = 20
# Most bytes of a request that the node says it takes.
REQUEST_BYTES = 16 << 20
BATCH = 1000

# Every method, with what it takes.
METHODS = {
    "eth_chainId": [], "eth_protocolVersion": [], "eth_blockNumber": [], "eth_syncing": [], "eth_accounts": [],
    "eth_coinbase": [], "eth_mining": [], "eth_gasPrice": [], "eth_maxPriorityFeePerGas": [], "eth_blobBaseFee": [],
    "eth_feeHistory": ["number", "block", "percentiles"],
    "eth_getBalance": ["address", "block"], "eth_getCode": ["address", "block"],
    "eth_getStorageAt": ["address", "slot", "block"], "eth_getTransactionCount": ["address", "block"],
    "eth_getProof": ["address", "list", "block"],
    "eth_call": ["call", "block", "override", "blocks"], "eth_estimateGas": ["call", "block", "override", "blocks"],
    "eth_createAccessList": ["call", "block", "override"], "eth_simulateV1": ["payload", "block"],
    "eth_sendRawTransaction": ["raw"], "eth_sendRawTransactionSync": ["raw", "index"],
    "eth_getTransactionByHash": ["hash"], "eth_getTransactionReceipt": ["hash"],
    "eth_getTransactionByBlockHashAndIndex": ["hash", "index"],
    "eth_getTransactionByBlockNumberAndIndex": ["block", "index"],
    "eth_getBlockReceipts": ["block"], "eth_getBlockByHash": ["hash", "bool"],
    "eth_getBlockByNumber": ["block", "bool"], "eth_getHeaderByHash": ["hash"], "eth_getHeaderByNumber": ["block"],
    "eth_getBlockTransactionCountByHash": ["hash"], "eth_getBlockTransactionCountByNumber": ["block"],
    "eth_getUncleCountByBlockHash": ["hash"], "eth_getUncleCountByBlockNumber": ["block"],
    "eth_getLogs": ["filter"], "eth_newFilter": ["filter"], "eth_newBlockFilter": [],
    "eth_newPendingTransactionFilter": [], "eth_getFilterChanges": ["index"], "eth_getFilterLogs": ["index"],
    "eth_uninstallFilter": ["index"], "eth_subscribe": ["subscription", "filter"], "eth_unsubscribe": ["hash"],
    "net_version": [], "net_listening": [], "net_peerCount": [], "web3_clientVersion": [], "web3_sha3": ["data"],
    "txpool_status": [], "txpool_content": [], "txpool_contentFrom": ["address"], "txpool_inspect": [],
    "rpc_modules": [], "debug_traceTransaction": ["hash", "options"], "debug_traceCall": ["call", "block", "options"],
    "debug_traceBlockByNumber": ["block", "options"], "debug_traceBlockByHash": ["hash", "options"],
    "debug_getRawTransaction": ["hash"], "debug_getRawReceipts": ["block"], "debug_getRawBlock": ["block"],
    "debug_getRawHeader": ["block"],
    "florin_getStorage": ["address", "data", "block"],
    # Those of Ethereum that may not be here; that they are not is an answer too.
    "eth_fillTransaction": ["call"], "eth_getStorageValues": ["override", "block"], "eth_capabilities": [],
    "eth_baseFee": [], "eth_config": [], "debug_getBadBlocks": [], "": [], "rpc.discover": [],
    # Those of a node for development, but what would stop it making blocks: others then wait for one.
    "eth_sign": ["address", "data"], "eth_signTransaction": ["call"], "eth_sendTransaction": ["call"],
    "personal_sign": ["data", "address"], "eth_signTypedData_v4": ["address", "override"], "evm_mine": ["index"],
    "anvil_mine": ["index", "number"], "anvil_mineDetailed": ["index"], "anvil_getAutomine": [],
    "anvil_dropTransaction": ["hash"], "evm_increaseTime": ["number"], "evm_setNextBlockTimestamp": ["number"],
    "evm_setTime": ["number"], "anvil_setBlockTimestampInterval": ["index"], "anvil_removeBlockTimestampInterval": [],
    "evm_snapshot": [], "evm_revert": ["index"], "anvil_setBalance": ["address", "amount"],
    "anvil_setNonce": ["address", "number"], "anvil_setCode": ["address", "code"],
    "anvil_setStorageAt": ["address", "slot", "hash"], "anvil_impersonateAccount": ["address"],
    "anvil_stopImpersonatingAccount": ["address"], "anvil_autoImpersonateAccount": ["bool"], "anvil_dumpState": [],
    "anvil_loadState": ["data"], "anvil_metadata": [], "anvil_nodeInfo": [],
    "anvil_setNextBlockBaseFeePerGas": ["number"],
    "eth_" + "x" * 5000: [], "\0": [], "\u202e": [],
}


class Wrong(Exception):
    """The node did something it must not."""


class Silent(Exception):
    """The node closed the connection without an answer, which is an answer to what is no request."""


class Node:
    """Where the node listens, and bytes there and back."""

    def __init__(self, url):
        where = urlsplit(url)
        self.address = (where.hostname, where.port)
        self.host = f"{where.hostname}:{where.port}"

    def connect(self):
        """A connection."""
        connection = socket.create_connection(self.address, timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def head(self, length, method="POST", version="1.1", more=""):
        """The beginning of a request."""
        return (f"{method} / HTTP/{version}\r\nHost: {self.host}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {length}\r\n{more}Connection: close\r\n\r\n").encode()

    def post(self, body):
        """Posts bytes; status and body of the answer."""
        return self.exchange([self.head(len(body)), body])

    def exchange(self, pieces, pause=0.0, ends=False):
        """Sends pieces as they are, and says that this was all if it `ends`; status and body of the answer."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may answer before it has read all
            return self.answer(connection)

    @staticmethod
    def answer(connection):
        """Reads until the end."""
        got = b""
        try:
            while piece := connection.recv(1 << 16):
                got += piece
        except TimeoutError:
            raise Wrong(f"no answer in {PATIENCE} s, and the connection is open; so far {got[:200]!r}") from None
        except ConnectionError:
            pass
        if not got:
            raise Silent
        head, _, body = got.partition(b"\r\n\r\n")
        words = head.split(b"\r\n")[0].split(b" ")
        if got[3:9] == b"\x04\0\0\0\0\0":
            return 200, b""  # the settings of HTTP/2, which it may speak too
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            raise Wrong(f"no HTTP: {got[:200]!r}")
        if int(words[1]) >= 500:
            raise Wrong(f"HTTP status {words[1].decode()}: {body[:200]!r}")
        if b"transfer-encoding: chunked" in head.lower():
            body = unchunked(body)
        return int(words[1]), body


def unchunked(body):
    """A body that came in chunks."""
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        size = int(size or b"0", 16)
        whole, body = whole + body[:size], body[size + 2:]
    return whole


def check_answer(answer, ids):
    """Whether something is a JSON-RPC answer to one of these."""
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
        raise Wrong(f"no JSON-RPC 2.0 answer: {str(answer)[:300]}")
    if ("result" in answer) == ("error" in answer):
        raise Wrong(f"either a result or an error: {str(answer)[:300]}")
    error = answer.get("error")
    if error is not None:
        if type(error.get("code")) is not int or not isinstance(error.get("message"), str):
            raise Wrong(f"an error needs code and message: {str(answer)[:300]}")
        if error["code"] == -32603:
            raise Wrong(f"an internal error: {str(answer)[:600]}")
    if "id" not in answer or not any(type(one) is type(answer["id"]) and one == answer["id"] for one in ids):
        raise Wrong(f"the id is {answer.get('id')!r}, not one of {ids!r}: {str(answer)[:300]}")


def parsed(body):
    """JSON, or what is wrong."""
    try:
        return json.loads(body)
    except ValueError:
        raise Wrong(f"the answer is no JSON: {body[:300]!r}") from None


class Fuzz:
    """One round: something random, and what came of it."""

    def __init__(self, node, random, values):
        self.node, self.random, self.values = node, random, values

    def request(self):
        """A call with parameters that are wrong in some way, and the id of its answer."""
        # What executes has the most that can go wrong.
        weights = [8 if {"call", "payload", "raw"} & set(kinds) else 1 for kinds in METHODS.values()]
        method = self.random.choices(list(METHODS), weights)[0]
        params = [self.values.of(kind) for kind in METHODS[method]]
        change = self.random.random()
        if change < 0.1:
            params = params[: self.random.randrange(len(params) + 1)]
        elif change < 0.2:
            params += [self.values.junk() for _ in range(self.random.choice([1, 2, 50]))]
        elif change < 0.25:
            params = self.random.choice([None, {}, {"address": 1}, "text", 7, True, [params]])
        elif change < 0.27 and params:
            params[0] = "0x" + "a" * (1 << 20)
        call_id = self.random.choice([1, 0, 2**53, "", "text", "\u00e9\U0001f600", None, "7"])
        # Other ids are left out: jsonrpsee knows null, texts and natural numbers, and takes a request with
        # any other id for a notification.
        return {"jsonrpc": "2.0", "id": call_id, "method": method, "params": params}

    def one(self):
        """One call."""
        call = self.request()
        body = json.dumps(call, ensure_ascii=self.random.random() < 0.9).encode("utf-8", "surrogatepass")
        yield body
        status, answer = self.node.post(body)
        if status == 413 and len(body) > REQUEST_BYTES:
            return
        if status != 200:
            raise Wrong(f"HTTP status {status} for a request that is one: {answer[:200]!r}")
        # `params` that are no list and no object make it no request, whose answer may have the id null.
        is_request = isinstance(call["params"], (list, dict, type(None)))
        check_answer(parsed(answer), [call["id"]] if is_request else [call["id"], None])

    def batch(self):
        """A batch of calls, notifications and what is neither."""
        size = self.random.choice([0, 1, 2, 10, 100, BATCH, BATCH + 1, 5000])
        entries, ids = [], []
        for _ in range(size):
            kind = self.random.random()
            if size > 10:
                call = {"jsonrpc": "2.0", "id": self.random.randrange(3), "method": "eth_chainId"}
            else:
                call = self.request()
                call["id"] = self.random.choice([1, 1, "a"])
                call["params"] = [self.values.junk() for _ in range(3)]
            if kind < 0.2:
                del call["id"]
            elif kind < 0.3:
                call = self.random.choice([1, None, "text", [], {}, {"id": 5}, {"jsonrpc": "1.0", "method": 1}])
                ids.append(call["id"] if isinstance(call, dict) and "id" in call else None)
            else:
                ids.append(call["id"])
            entries.append(call)
        body = json.dumps(entries).encode()
        yield body
        status, answer = self.node.post(body)
        if status != 200 and status != 204:
            raise Wrong(f"HTTP status {status}: {answer[:200]!r}")
        if size == 0 or size > BATCH:
            return check_answer(parsed(answer), [None])
        if not ids:
            if answer.strip():
                raise Wrong(f"an answer to notifications alone: {answer[:200]!r}")
            return None
        answers = parsed(answer)
        if not isinstance(answers, list) or len(answers) != len(ids):
            raise Wrong(f"{len(ids)} answers expected: {answer[:300]!r}")
        for got, wanted in zip(answers, ids, strict=True):
            check_answer(got, [wanted, None] if wanted == 5 else [wanted])
        return None

    def shape(self):
        """JSON that is no request, or only just."""
        fine = {"jsonrpc": "2.0", "id": 7, "method": "eth_chainId", "params": []}
        text = self.random.choice([
            "", " ", "null", "true", "0", "\"text\"", "{}", "[[]]", "[{}]", "[null]", "{\"id\":7}", "[" * 100_000,
            "{\"a\":" * 100_000, "[" * 200 + "]" * 200, json.dumps({**fine, "jsonrpc": "1.0"}),
            json.dumps({**fine, "jsonrpc": 2.0}), json.dumps({**fine, "method": 7}),
            json.dumps({**fine, "method": None}), json.dumps({**fine, "more": 1}),
            json.dumps(fine)[:-1] + ",\"id\":8}", json.dumps(fine) + json.dumps(fine), json.dumps(fine) + "\0",
            "\ufeff" + json.dumps(fine), json.dumps(fine).replace("7", "1e400"), json.dumps(fine).replace("7", "07"),
            json.dumps(fine).replace("7", "9" * 400), "{'jsonrpc':'2.0'}", "NaN", " " * 100_000 + json.dumps(fine),
        ])
        body = text.encode()
        yield body
        status, answer = self.node.post(body)
        # A request that is none may be told so by the status as well, as may a notification.
        if status not in (200, 204, 400, 413):
            raise Wrong(f"HTTP status {status}: {answer[:200]!r}")
        # Nothing is said to what is taken for a notification, as those with an odd id are.
        got = parsed(answer) if answer.strip() else []
        for one in got if isinstance(got, list) else [got]:
            check_answer(one, [7, 8, None])

    def broken(self):
        """Bytes that are no JSON: cut short, with some changed, or any."""
        fine = json.dumps(self.request()).encode()
        pick = self.random.randrange(4)
        if pick == 0:
            body = fine[: self.random.randrange(len(fine))]
        elif pick == 1:
            place = self.random.randrange(len(fine))
            body = fine[:place] + self.random.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\x00"]) + fine[place:]
        elif pick == 2:
            body = self.random.randbytes(self.random.choice([1, 10, 1000, 100_000]))
        else:
            changed = bytearray(fine)
            for _ in range(5):
                changed[self.random.randrange(len(changed))] = self.random.randrange(256)
            body = bytes(changed)
        yield body
        status, answer = self.node.post(body)
        if answer.startswith((b"{", b"[", b"null")):
            got = parsed(answer)
            for one in got if isinstance(got, list) else [got]:
                if isinstance(one, dict) and "id" in one:
                    check_answer(one, [one["id"]])
                else:
                    raise Wrong(f"no answer: {answer[:300]!r}")

    def http(self):
        """What is hardly HTTP."""
        fine = b'{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}'
        host, random = self.node.host.encode(), self.random
        start = b"POST / HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\nConnection: close\r\n"
        chunked = start + b"Transfer-Encoding: chunked\r\n\r\n"
        size = b"%x\r\n" % len(fine)
        head = self.node.head(len(fine))
        kinds = {
            "chunks": [chunked, size, fine[:20], fine[20:], b"\r\n0\r\n\r\n"],
            "chunk without size": [chunked, b"\r\n", fine, b"\r\n0\r\n\r\n"],
            "chunk of size zz": [chunked, b"zz\r\n", fine, b"\r\n0\r\n\r\n"],
            "chunk of size 2^64": [chunked, b"ffffffffffffffffff\r\n", fine],
            "chunk cut short": [chunked, size, fine[:9]],
            "chunk with a long extension": [chunked, size[:-2] + b";" + b"a" * 100_000 + b"\r\n", fine],
            "chunk that is negative": [chunked, b"-1\r\n", fine],
            "chunks and a length": [start + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", size, fine,
                                    b"\r\n0\r\n\r\n"],
            "two lengths": [start + b"Content-Length: 3\r\nContent-Length: 300\r\n\r\n", fine],
            "length that is too long": [self.node.head(len(fine) + 9), fine],
            "length that is too short": [self.node.head(9), fine],
            "length that is negative": [self.node.head(-1), fine],
            "length of 2^64": [self.node.head(2**64), fine],
            "length of a terabyte": [self.node.head(2**40), fine],
            "one long header": [start + b"X: " + b"a" * random.choice([10_000, 1 << 20]) + b"\r\n\r\n"],
            "many headers": [start + b"X: y\r\n" * random.choice([101, 10_000]) + b"\r\n"],
            "long path": [b"POST /" + b"a" * random.choice([10_000, 100_000]) + b" HTTP/1.1\r\n\r\n"],
            "another type": [head.replace(b"application/json", random.choice(
                [b"text/plain", b"text/html", b"", b"application/xml", b"\xff", b"application/json; charset=utf-7"])),
                fine],
            "no type": [head.replace(b"Content-Type: application/json\r\n", b""), fine],
            "another method": [self.node.head(len(fine), random.choice(
                ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "post", "X" * 5000])), fine],
            "HTTP/1.0": [self.node.head(len(fine), version="1.0"), fine],
            "HTTP/0.9": [b"GET /\r\n"],
            "HTTP/9.9": [self.node.head(len(fine), version="9.9"), fine],
            "HTTP/2": [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.randbytes(100)],
            "no host": [head.replace(b"Host: " + host + b"\r\n", b""), fine],
            "an odd host": [head.replace(host, random.choice([b"", b"a b", b"\xff", b"x" * 9000, b"[::1"])), fine],
            "TLS": [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(100)],
            "noise": [random.randbytes(random.choice([1, 100, 10_000]))],
            "expect": [self.node.head(len(fine), more="Expect: 100-continue\r\n"), fine],
            "compressed": [self.node.head(20, more="Content-Encoding: gzip\r\n"), random.randbytes(20)],
            "two at once": [head.replace(b"Connection: close", b"Connection: keep-alive") + fine, head, fine],
            "another path": [head.replace(b"POST / ", b"POST " + random.choice(
                [b"/health", b"/../..", b"/%00", b"*", b"http://a/", b"/?a=b"]) + b" "), fine],
        }
        kind = random.choice(list(kinds))
        yield f"HTTP: {kind}".encode()
        is_fine = kind in ("chunks", "HTTP/1.0", "expect", "two at once")
        status, answer = self.node.exchange(kinds[kind], ends=not is_fine)
        if is_fine:
            at = answer.rfind(b'{"jsonrpc"')
            if at < 0:
                raise Wrong(f"HTTP status {status} instead of an answer: {answer[:200]!r}")
            check_answer(parsed(answer[at:]), [7])

    def slow(self):
        """A call byte by byte."""
        fine = b'{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}'
        whole = self.node.head(len(fine)) + fine
        cuts = sorted(self.random.sample(range(1, len(whole)), 20))
        yield b"slowly: " + whole
        pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        _, answer = self.node.exchange(pieces, pause=0.01)
        check_answer(parsed(answer), [7])

    def large(self):
        """As much as a request may have, and more."""
        fine = b'{"jsonrpc":"2.0","id":7,"method":"eth_chainId","params":[]}'
        size = REQUEST_BYTES + self.random.choice([-1, 0, 1, 1 << 20])
        yield b"%d bytes, most of them spaces" % size
        status, answer = self.node.post(fine + b" " * (size - len(fine)))
        if status not in (200, 413) or (status == 413) != (size > REQUEST_BYTES):
            raise Wrong(f"HTTP status {status}: {answer[:200]!r}")
        if status == 200:
            check_answer(parsed(answer), [7])

    def websocket(self):
        """A WebSocket and frames that are none; then a fine call, if it is still open."""
        yield b"WebSocket"
        key = b"dGhlIHNhbXBsZSBub25jZQ=="
        with self.node.connect() as connection:
            connection.sendall(
                b"GET / HTTP/1.1\r\nHost: " + self.node.host.encode() + b"\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
            reader = connection.makefile("rb")
            status = reader.readline()
            if b" 101 " not in status:
                raise Wrong(f"no WebSocket: {status!r}")
            while reader.readline().strip():
                pass
            try:
                for _ in range(self.random.choice([1, 3])):
                    connection.sendall(self.frame())
                connection.sendall(frame(1, b'{"jsonrpc":"2.0","id":77,"method":"eth_chainId"}'))
                connection.settimeout(5)
                self.frames(reader)
            except (ConnectionError, TimeoutError):
                pass  # to end such a connection is an answer

    def frame(self):
        """A frame that is wrong, or has something wrong in it."""
        random = self.random
        text = json.dumps(self.request()).encode()
        return random.choice([
            lambda: frame(1, text), lambda: frame(2, text), lambda: frame(1, text[: len(text) // 2]),
            lambda: frame(1, b"\xff\xfe\xfd"), lambda: frame(1, text, masked=False), lambda: frame(3, b"reserved"),
            lambda: frame(1, text, bits=0x70), lambda: frame(0, text), lambda: frame(1, text[:9], final=False),
            lambda: frame(9, b"a" * 126), lambda: frame(9, b"ping"), lambda: frame(10, b"pong"),
            lambda: frame(8, b"\x03"), lambda: frame(8, b"\x00\x00"), lambda: frame(1, b""),
            lambda: b"\x81\xff" + b"\xff" * 8 + b"mask" + text, lambda: random.randbytes(200),
            lambda: frame(1, b" " * (REQUEST_BYTES + 1)), lambda: frame(1, b"[" * 50_000),
        ])()

    @staticmethod
    def frames(reader):
        """Reads until the answer to the fine call or the end."""
        while len(start := reader.read(2)) == 2:
            length = start[1] & 127
            if length == 126:
                length = struct.unpack(">H", reader.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", reader.read(8))[0]
            payload = reader.read(length)
            if start[0] & 15 == 8:
                return
            if start[0] & 15 != 1 or len(payload) < length:
                continue
            got = parsed(payload)
            for one in got if isinstance(got, list) else [got]:
                if isinstance(one, dict) and one.get("method") == "eth_subscription":
                    continue
                check_answer(one, [one.get("id")] if isinstance(one, dict) else [])
                if one.get("id") == 77:
                    return


def frame(opcode, payload, masked=True, final=True, bits=0):
    """A WebSocket frame."""
    start = bytes([(0x80 if final else 0) | bits | opcode])
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        start += bytes([mask | len(payload)])
    elif len(payload) < 1 << 16:
        start += bytes([mask | 126]) + struct.pack(">H", len(payload))
    else:
        start += bytes([mask | 127]) + struct.pack(">Q", len(payload))
    # A mask of zeros changes nothing.
    return start + (b"\0\0\0\0" if masked else b"") + payload


def play(node, seed, number, chain):
    """A round, which its number and the seed determine; what is wrong, or None."""
    random = Random(f"{seed}/{number}")
    fuzz = Fuzz(node, random, Values(random, chain))
    kinds = [fuzz.one, fuzz.batch, fuzz.shape, fuzz.broken, fuzz.http, fuzz.slow, fuzz.large, fuzz.websocket]
    kind = random.choices(kinds, [60, 6, 8, 6, 10, 1, 0.3, 6])[0]
    sent = b""
    steps = kind()
    try:
        sent = next(steps)
        next(steps, None)
    except Silent:
        if kind in (fuzz.one, fuzz.batch, fuzz.slow):
            return f"closed without an answer\n  sent: {sent[:1500]!r}"
    except (Wrong, OSError) as error:
        return f"{error}\n  sent: {sent[:1500]!r}"
    return None


def main():
    """Rounds until the time is over or all are played; then whether the node is still there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a node that may be thrown away")
    parser.add_argument("--seed", type=int, default=None, help="the same seed sends the same")
    parser.add_argument("--count", type=int, default=None, help="how many rounds, instead of a time")
    parser.add_argument("--first", type=int, default=0, help="the number of the first round, to play one again")
    parser.add_argument("--seconds", type=float, default=20, help="how long, if no count is given")
    parser.add_argument("--without", default="", help="beginnings of methods to leave out, with commas between")
    parser.add_argument("--stderr", help="the file that the node writes its messages to")
    arguments = parser.parse_args()
    seed = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    node = Node(arguments.url)
    for method in [name for name in METHODS if name.startswith(tuple(filter(None, arguments.without.split(","))))]:
        del METHODS[method]

    def call(method, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        return parsed(node.post(body)[1]).get("result")

    chain = known(call)
    end = time.monotonic() + arguments.seconds
    number, wrong = arguments.first, []
    begun = os.path.getsize(arguments.stderr) if arguments.stderr else 0
    while number - arguments.first < arguments.count if arguments.count else time.monotonic() < end:
        started = time.monotonic()
        if mistake := play(node, seed, number, chain):
            wrong.append(mistake)
            print(f"not ok  round {number}: {mistake}\n  again: --seed {seed} --first {number} --count 1", flush=True)
        elif (took := time.monotonic() - started) > 5:
            print(f"slow    round {number}: {took:.1f} s", flush=True)
        number += 1
    started = time.monotonic()
    if call("eth_blockNumber", []) is None or time.monotonic() - started > 1:
        wrong.append("eth_blockNumber is not answered within a second")
        print(f"not ok  {wrong[-1]}")
    if arguments.stderr:
        with open(arguments.stderr, "rb") as messages:
            messages.seek(begun)
            for line in messages.read().decode(errors="replace").splitlines():
                if "panicked at" in line:
                    wrong.append(line)
                    print(f"not ok  the node's messages: {line}")
    print(f"{number - arguments.first} rounds, {len(wrong)} not ok, seed {seed}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
