"""Puts what is on this chain in the place of what the examples took from theirs.

What their chain has is learned from the answers they expect: a hash beside a number is a block, a hash beside a type
is a transaction, an address with code is a contract. What they meant not to be there is left as it is.
"""

import json

from eth_abi import encode

from scene import LAST, TRANSFER, selector, transfer_call

# What says "event" in the contract that the examples' logs are from.
EVENT = "0x" + "00" * 28 + "656d6974"
# More than any of the calls needs here, where gas has its own prices.
GAS = hex(5_000_000)
CALLS = ("eth_call", "eth_estimateGas", "eth_createAccessList")


def has_evm_code(case):
    """Whether an example has code of the EVM, which no contract here is."""
    return any(found.get("code", "0x") != "0x" for found in walk(case.params) if isinstance(found.get("code"), str))


class LeftOut(Exception):
    """An example that means nothing here; the reason."""


def walk(value):
    """All objects in a value."""
    if isinstance(value, dict):
        yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    for one in inside:
        yield from walk(one)


class Localiser:
    """Knows their chain and this one."""

    def __init__(self, spec, cases, scene):
        self.scene = scene
        self.blocks, self.transactions, self.contracts, self.created = {}, {}, set(), {}
        genesis = json.loads((spec.folder / "tests/genesis.json").read_text())
        self.time = int(genesis["timestamp"], 16)
        self.rich = set()
        for address, account in genesis["alloc"].items():
            address = "0x" + address.removeprefix("0x").lower()
            has_code = account.get("code", "0x") != "0x"
            (self.contracts if has_code else self.rich).add(address)
        # The examples in the document are of many chains; those of the tests are of one.
        for case in cases:
            if "/example-" not in case.name and "simulate" not in case.method:
                self._learn(case.result)

    def _learn(self, answer):
        for found in walk(answer):
            number = found.get("blockNumber")
            if found.get("parentHash") and found.get("number"):
                self.blocks[found["hash"]] = int(found["number"], 16)
                if found["number"] == hex(LAST):
                    self.time = int(found["timestamp"], 16)
            if found.get("blockHash") and number:
                self.blocks[found["blockHash"]] = int(number, 16)
            name = found.get("transactionHash") or found.get("hash")
            if name and "type" in found and "parentHash" not in found:
                self.transactions[name] = int(found["type"], 16)
            if found.get("contractAddress"):
                self.contracts.add(found["contractAddress"].lower())
                self.created[name] = found["contractAddress"]
            if "topics" in found and "address" in found:
                self.contracts.add(found["address"].lower())

    def params(self, case):
        """The parameters of a case, on this chain."""
        params = json.loads(json.dumps(case.params))
        method = case.method
        if method == "eth_simulateV1":
            return [self._simulation(params[0], case), *params[1:]]
        if method in CALLS or method in ("eth_sendTransaction", "eth_signTransaction", "eth_fillTransaction"):
            return [self._call(params[0], case), *params[1:]]
        if method in ("eth_sign", "eth_signTransaction"):
            return [self.scene.people[0].address, *params[1:]]
        if method == "eth_sendRawTransaction":
            return [self._signed(params[0])]
        if method in ("eth_getFilterChanges", "eth_getFilterLogs", "eth_uninstallFilter"):
            return [self.scene.filters["example"]]
        if method in ("eth_getTransactionByHash", "eth_getTransactionReceipt", "debug_getRawTransaction",
                      "debug_traceTransaction"):
            return [self._transaction(params[0], case), *params[1:]]
        if "/example-" in case.name:
            params = [self._shorter(param) for param in params]
            if method.endswith("AndIndex"):
                params[1] = "0x0"
        if method == "eth_getLogs" and "/example-" in case.name:
            params[0] |= {"address": self.scene.token, "topics": [], "fromBlock": "0x1", "toBlock": "0x4"}
        return [self._any(param) for param in params]

    def _shorter(self, param):
        """The document's examples have blocks of a longer chain."""
        is_number = isinstance(param, str) and param.startswith("0x") and 3 < len(param) < 20
        return hex(3) if is_number and int(param, 16) > LAST else param

    def _any(self, value):
        if isinstance(value, list):
            return [self._any(one) for one in value]
        if isinstance(value, dict):
            return {self._any(key): self._any(one) for key, one in value.items()}
        if not isinstance(value, str) or not value.startswith("0x"):
            return value
        if value == EVENT:
            return TRANSFER
        if len(value) == 66 and not value.startswith("0x00000000"):
            return self._hash(value)
        if len(value) == 42:
            return self._address(value)
        return value

    def _hash(self, value):
        if value in self.blocks:
            return self.scene.block_hash(self.blocks[value])
        known = {"0x95b7276947f6331672b0c63eca28c1d39f25286d5e2793d6a487837ff1475ba0"}
        if value in known:  # the second topic of an event: whom it is about
            return "0x" + encode(["address"], [self.scene.people[0].address]).hex()
        return self.scene.block_hash(3)

    def _address(self, value):
        if value.lower() in self.contracts:
            return self.scene.token
        return self.scene.people[0].address if value.lower() in self.rich else value

    def _transaction(self, value, case):
        if value.startswith("0x00000000") or not value.startswith("0x"):
            return value
        kind = self.transactions.get(value, 0)
        if kind == 3:
            raise LeftOut("a blob transaction")
        if kind == 4:
            raise LeftOut("a set-code transaction (EIP-7702)")
        if value in self.created:
            return self.scene.transactions["create"]
        return self.scene.transactions["plain" if "legacy-tx" in case.name else kind]

    def _call(self, call, case):
        if "blobVersionedHashes" in call or "maxFeePerBlobGas" in call:
            raise LeftOut("a blob transaction")
        if "authorizationList" in call or "eip7702-delegation" in case.name:
            raise LeftOut("set-code (EIP-7702)")
        payer = self.scene.people[5]
        call["from"] = payer.address
        to_contract = str(call.get("to", "")).lower() in self.contracts or "data" in call
        if "gas" in call:
            call["gas"] = GAS
        for price in ("gasPrice", "maxFeePerGas"):
            if price in call:
                call[price] = hex(2 * self.scene.price)
        if "nonce" in call:
            call["nonce"] = self.scene.node("eth_getTransactionCount", payer.address, "pending")
        if to_contract:
            fails = case.error is not None or "revert" in case.name
            # Whoever has no coins cannot pay with them; the symbol is for everybody.
            call["input"] = transfer_call(self.scene.people[1].address, 1) if fails else (
                "0x" + selector("symbol()").hex())
            call.pop("data", None)
            call.pop("value", None)
            call["to"] = self.scene.token
        return call

    def _signed(self, raw):
        kind = {"0x01": 1, "0x02": 2, "0x03": 3, "0x04": 4}.get(raw[:4], 0)
        if kind == 3:
            raise LeftOut("a blob transaction")
        fields = {"to": self.scene.people[1].address, "value": 3}
        return self.scene.sign(self.scene.people[6], fields, kind)

    def _simulation(self, payload, case):
        """Times are told from their last block on."""
        ours = int(self.scene.latest["timestamp"], 16)
        if case.error and case.error["code"] == -38021 and any("number" in found for found in walk(payload)):
            raise LeftOut("depends on a block every 12 seconds, also between those that are asked for")
        for found in walk(payload):
            if "blobVersionedHashes" in found or "maxFeePerBlobGas" in found:
                raise LeftOut("a blob transaction")
            if found.get("movePrecompileToAddress"):
                if case.error is None:
                    raise LeftOut("moves a precompile, of which there are none")
            if "time" in found:
                found["time"] = hex(int(found["time"], 16) - self.time + ours)
        return payload
