"""A chain as long as that of the examples, so that the numbers of their blocks mean the same on it.

Block 1 has a contract, a token; the blocks after it pay with it and announce that; then come transfers of each type
of transaction.
"""

import json
from pathlib import Path

from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from rpc import accounts

# The last block of the examples' chain; they take the one after it for one that is not there.
LAST = 0x36
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()


def selector(signature):
    """The first four bytes of a call."""
    return keccak(text=signature)[:4]


def transfer_call(to, amount):
    """The bytes that pay with a token."""
    return "0x" + (selector("transfer(address,uint256)") + encode(["address", "uint256"], [to, amount])).hex()


class Scene:
    """What is on the chain."""

    def __init__(self, node, artefact):
        self.node, self.people = node, accounts()
        self.chain_id = int(node("eth_chainId"), 16)
        self.price = int(node("eth_gasPrice"), 16)
        self.transactions = {}
        head = self.head()
        if head != 0:
            raise SystemExit(f"the chain has {head} blocks already; give a node on a new ledger")
        self._token(Path(artefact))
        self._kinds()
        # Filters tell of what comes after them.
        self.filters = {
            "logs": node("eth_newFilter", {"fromBlock": "0x1", "address": self.token}),
            "example": node("eth_newFilter", {"fromBlock": "0x1", "address": self.token}),
            "blocks": node("eth_newBlockFilter"),
            "transactions": node("eth_newPendingTransactionFilter"),
        }
        while self.head() < LAST - 1:
            self.send(self.people[self.head() % 5], {"to": self.people[9].address, "value": 1})
        self._pay_token(self.people[0])
        # One that waits for an earlier nonce, for those who look at what waits.
        self.waiting = self.sign(self.people[7], {"to": self.people[0].address, "value": 1}, ahead=3)
        node("eth_sendRawTransaction", self.waiting)
        self.latest = node("eth_getBlockByNumber", "latest", False)
        if self.head() != LAST:
            raise SystemExit(f"the chain has {self.head()} blocks, not {LAST}: a transaction a block was expected")

    def head(self):
        """Number of the last block."""
        return int(self.node("eth_blockNumber"), 16)

    def sign(self, account, fields, kind=2, ahead=0):
        """A signed transaction."""
        nonce = int(self.node("eth_getTransactionCount", account.address, "pending"), 16) + ahead
        whole = {"nonce": nonce, "gas": 100_000, "chainId": self.chain_id, "value": 0, **fields}
        if "to" in whole:
            whole["to"] = to_checksum_address(whole["to"])
        if kind == 2:
            whole |= {"type": 2, "maxFeePerGas": 2 * self.price, "maxPriorityFeePerGas": 1}
        else:
            whole |= {"gasPrice": 2 * self.price}
        if kind == 1:
            whole |= {"type": 1}
        return "0x" + account.sign_transaction(whole).raw_transaction.hex().removeprefix("0x")

    def send(self, account, fields, kind=2):
        """Sends a transaction; its receipt."""
        sent = self.node("eth_sendRawTransaction", self.sign(account, fields, kind))
        receipt = self.node("eth_getTransactionReceipt", sent)
        if receipt is None or receipt["status"] != "0x1":
            raise SystemExit(f"a transaction that makes the chain failed: {receipt}")
        return receipt

    def _token(self, artefact):
        whole = json.loads(artefact.read_text())
        arguments = ["Coin", "COIN", 6, self.people[0].address, 10**12]
        given = encode(["string", "string", "uint8", "address", "uint256"], arguments).hex()
        fields = {"data": whole["bytecode"] + given, "gas": 50_000_000}
        receipt = self.send(self.people[0], fields, kind=0)
        self.token = receipt["contractAddress"]
        self.transactions["create"] = receipt["transactionHash"]
        for _ in range(5):
            self._pay_token(self.people[0])

    def _pay_token(self, payer):
        fields = {"to": self.token, "data": transfer_call(self.people[1].address, 5), "gas": 5_000_000}
        return self.send(payer, fields)

    def _kinds(self):
        key = {"address": self.token, "storageKeys": ["0x" + "00" * 32]}
        for kind in (0, 1, 2):
            fields = {"to": self.people[2].address, "value": 10, "data": "0x010203"}
            if kind:
                fields["accessList"] = [key]
            receipt = self.send(self.people[kind + 1], fields, kind)
            self.transactions[kind] = receipt["transactionHash"]
        fields = {"to": self.people[2].address, "value": 10}
        self.transactions["plain"] = self.send(self.people[4], fields, 0)["transactionHash"]

    def block_hash(self, number):
        """The hash of a block."""
        return self.node("eth_getBlockByNumber", hex(number), False)["hash"]
