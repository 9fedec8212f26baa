"""Values that nobody should send: of every kind a method takes, wrong in every way somebody thought of."""

from rpc import accounts

HASH = "0x" + "ab" * 32
# At the edges of what 8, 16, 32, 53, 64, 128 and 256 bits hold.
EDGES = [0, 1, 2, 255, 256, 2**16, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**128, 2**256 - 1,
         2**256, 2**300]
TEXTS = ["", "0x", "0X1", "0x0x1", "0xg", "0x1g", "-0x1", "0x-1", " 0x1", "0x1 ", "0x1\n", "\0", "0x\0", "latest\0",
         "LATEST", "null", "true", "\u202e0x1", "\U0001f600" * 9, "\u0661", "x" * 300, "0x" + "a" * 1001, "NaN",
         "../../etc/passwd", "${jndi}", "%s%n%x", "'; drop table blocks; --", "0x" + "f" * 64, "0x" + "f" * 65]
TAGS = ["latest", "earliest", "pending", "safe", "finalized"]
TRACERS = ["callTracer", "prestateTracer", "florinTracer", "noopTracer", "4byteTracer", "muxTracer", "{}", ""]


class Values:
    """Random values."""

    def __init__(self, random, known):
        self.random, self.known = random, known
        # How many of a round's values are anything: what is wrong at the door hides what is behind it.
        self.spoiled = random.choice([0, 0, 0.03, 0.2])
        self.kinds = {
            "address": self.address, "amount": self.amount, "block": self.block, "bool": self.flag, "call": self.call,
            "data": self.data, "filter": self.filter, "hash": self.hash, "index": self.index, "list": self.slots,
            "number": self.number, "options": self.options, "override": self.override, "blocks": self.blocks,
            "percentiles": self.percentiles, "payload": self.payload, "raw": self.raw, "slot": self.slot,
            "chain": lambda: self.one_of(*["0x7a69"] * 9, "0x1"), "type": lambda: self.one_of("0x0", "0x1", "0x2"),
            "access": self.access, "code": self.code, "subscription": self.subscription, "text": self.text,
        }

    def of(self, kind):
        """A value of a kind: mostly as it should be, else anything."""
        return self.junk() if self.random.random() < self.spoiled else self.kinds[kind]()

    def junk(self, depth=0):
        """Anything that JSON can say."""
        pick = self.random.randrange(14 if depth < 4 else 8)
        if pick < 2:
            return self.random.choice(TEXTS)
        if pick < 3:
            return self.random.choice([None, True, False])
        if pick < 4:
            return self.random.choice([*EDGES, -1, -(2**63), -(2**64), 0.1, -0.0, 1e308, 5e-324, 1e21])
        if pick < 8:
            return hex(self.random.choice(EDGES))
        if pick < 9:
            return "0x" + "00" * self.random.choice([1, 19, 20, 21, 31, 32, 33, 1000])
        if pick < 11:
            return [self.junk(depth + 1) for _ in range(self.random.randrange(4))]
        if pick < 13:
            names = ["from", "to", "blockHash", "blockNumber", "requireCanonical", "topics", "address", "", "\0"]
            return {self.random.choice(names): self.junk(depth + 1) for _ in range(self.random.randrange(4))}
        nested = self.random.choice([[], {}, 0])
        for _ in range(self.random.choice([10, 100, 126, 130])):
            nested = [nested] if self.random.random() < 0.5 else {"a": nested}
        return nested

    def text(self):
        return self.random.choice(TEXTS)

    def flag(self):
        return self.random.random() < 0.5

    def number(self):
        fits = [edge for edge in EDGES if edge < 2**64]
        return hex(self.random.choice(EDGES if self.spoiled else fits))

    def amount(self):
        fits = [edge for edge in EDGES if edge < 2**256]
        return hex(self.random.choice(EDGES if self.spoiled else fits))

    def index(self):
        return hex(self.random.choice([0, 0, 1, 2, *(EDGES if self.spoiled else [])]))

    def one_of(self, *values):
        return self.random.choice(values)

    def address(self):
        nobody = ["0x" + "00" * 20, "0x" + "ff" * 20, "0x" + "00" * 19 + "01"]
        return self.random.choice([*self.known["addresses"], *nobody])

    def hash(self):
        return self.random.choice([*self.known["hashes"], HASH, "0x" + "00" * 32])

    def block(self):
        return self.random.choice([
            *TAGS, *TAGS, hex(self.random.randrange(8)), self.number(), self.hash(), {"blockHash": self.hash()},
            {"blockHash": self.hash(), "requireCanonical": self.flag()}, {"blockNumber": self.number()},
            {"blockHash": self.hash(), "blockNumber": "0x1"}, {}, None])

    def data(self):
        size = self.random.choice([0, 1, 4, 32, 36, 68, 1000, 50_000])
        return "0x" + self.random.randbytes(size).hex()

    def slot(self):
        return self.random.choice(["0x0", "0x00", "0x1", HASH, "0x" + "0" * 65, "0x" + "f" * 66, self.number()])

    def slots(self):
        return [self.slot() for _ in range(self.random.randrange(4))]

    def percentiles(self):
        choices = [0, 0.5, 50, 99.9, 100, 101, -1, 1e300]
        return [self.random.choice(choices) for _ in range(self.random.choice([0, 1, 2, 3, 101, 1000]))]

    def some(self, **fields):
        """An object with some of the fields."""
        chance = self.random.random() ** 2
        return {name: self.of(kind) for name, kind in fields.items() if self.random.random() < chance}

    def call(self):
        call = self.some(**{
            "from": "address", "to": "address", "gas": "number", "gasPrice": "number", "value": "amount",
            "data": "data", "nonce": "number", "chainId": "chain", "type": "type", "accessList": "access"})
        if self.random.random() < 0.2:
            call = call | self.some(maxFeePerGas="number", maxPriorityFeePerGas="number", input="data",
                                    maxFeePerBlobGas="number", blobVersionedHashes="list", authorizationList="list")
        if self.random.random() < 0.8:
            call["to"] = self.random.choice(self.known["addresses"])
        return call

    def access(self):
        return [{"address": self.address(), "storageKeys": [HASH] * self.random.choice([0, 1, 500])}
                for _ in range(self.random.choice([0, 1, 50]))]

    def code(self):
        """Code: none, noise, the beginning of a module, a module that has nothing."""
        empty = "0x0061736d01000000"
        return self.random.choice(["0x", self.data(), empty, empty + self.random.randbytes(40).hex(), empty[:8]])

    def filter(self):
        wanted = self.some(fromBlock="block", toBlock="block", address="address", blockHash="hash")
        if self.flag():
            topic = [None, HASH, [], [HASH, HASH], [None], self.junk(3)]
            wanted["topics"] = [self.random.choice(topic) for _ in range(self.random.choice([0, 1, 4, 5, 2000]))]
        if self.random.random() < 0.1:
            wanted["address"] = [self.address() for _ in range(2000)]
        return wanted

    def override(self):
        one = self.some(balance="amount", nonce="number", code="code")
        if self.flag():
            one["code"] = self.code()
        if self.random.random() < 0.1:
            one["movePrecompileToAddress"] = self.address()
        if self.flag():
            name = self.random.choice(["state", "stateDiff"])
            one[name] = {HASH: self.of("hash"), "0x" + "00" * 32: HASH}
        spoiled = {self.address(): self.junk()} if self.random.random() < self.spoiled else {}
        return {self.address(): one, **spoiled}

    def blocks(self):
        return self.some(number="number", time="number", gasLimit="number", feeRecipient="address",
                         prevRandao="hash", baseFeePerGas="amount", blobBaseFee="amount")

    def payload(self):
        calls = []
        for _ in range(self.random.choice([0, 1, 1, 2, 2, 3, 300])):
            calls.append({
                **({"blockOverrides": self.of("blocks")} if self.flag() else {}),
                **({"stateOverrides": self.of("override")} if self.flag() else {}),
                **({"calls": [self.of("call") for _ in range(self.random.randrange(4))]} if self.flag() else {})})
        return {"blockStateCalls": calls, "traceTransfers": self.flag(), "validation": self.flag(),
                "returnFullTransactions": self.flag()}

    def options(self):
        config = {"onlyTopCall": True, "withLog": True, "diffMode": True}
        return {"tracer": self.random.choice(TRACERS), "tracerConfig": self.random.choice([config, {}, None]),
                **self.some(timeout="text", stateOverrides="override", blockOverrides="blocks", reexec="number")}

    def subscription(self):
        return self.random.choice(["newHeads", "logs", "newPendingTransactions", "syncing", "nothing"])

    def raw(self):
        """A signed transaction, often with bytes that changed."""
        account = self.random.choice(self.known["accounts"])
        small = [0, 1, 30_000, 2**64 - 1]
        # Nonces that are next sooner or later, and some that are not.
        nonces = [*small, *[self.random.randrange(40)] * 4]
        fields = {
            "nonce": self.random.choice(nonces), "gas": self.random.choice([*small, 10**6]), "chainId": 31337,
            "value": self.random.choice([0, 1, 2**255]), "to": account.address,
            "data": self.random.randbytes(self.random.choice([0, 4, 3000]))}
        if self.random.random() < 0.3:
            del fields["to"]
        if self.flag():
            fields |= {"gasPrice": self.random.choice([0, 10**9, 2**128])}
        else:
            fields |= {"type": 2, "maxFeePerGas": 2 * 10**9, "maxPriorityFeePerGas": self.random.choice([0, 10**9])}
        signed = bytearray(account.sign_transaction(fields).raw_transaction)
        for _ in range(self.random.choice([0, 0, 1, 3])):
            signed[self.random.randrange(len(signed))] = self.random.randrange(256)
        return "0x" + signed[: self.random.choice([len(signed), len(signed), len(signed) // 2])].hex()


def known(call):
    """What is on the chain, so that some of what is sent finds something."""
    hashes, addresses = [], [account.address for account in accounts(3)]
    for number in range(8):
        block = call("eth_getBlockByNumber", [hex(number), False])
        if block:
            hashes += [block["hash"], *block["transactions"][:1]]
    for name in hashes[1:]:
        receipt = call("eth_getTransactionReceipt", [name])
        if receipt and receipt["contractAddress"]:
            addresses.append(receipt["contractAddress"])
    return {"hashes": hashes, "addresses": addresses, "accounts": accounts(3)}
