"""JSON-RPC over HTTP, and the accounts that a node for development funds."""

import requests
from eth_account import Account

MNEMONIC = "test test test test test test test test test test test junk"


class Refused(Exception):
    """The node answered with an error."""


class Node:
    """A node, by its URL."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.number = 0

    def raw(self, method, *params):
        """Sends a call; the whole answer."""
        self.number += 1
        call = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": list(params)}
        return self.answer(call)

    def answer(self, call):
        """Sends a request as it is; the whole answer."""
        return self.session.post(self.url, json=call, timeout=30).json()

    def __call__(self, method, *params):
        """Sends a call; its result."""
        answer = self.raw(method, *params)
        if "error" in answer:
            raise Refused(f"{method}: {answer['error']}")
        return answer["result"]


def accounts(count=10):
    """The accounts that have money."""
    Account.enable_unaudited_hdwallet_features()
    path = "m/44'/60'/0'/0/{}"
    return [Account.from_mnemonic(MNEMONIC, account_path=path.format(i)) for i in range(count)]
