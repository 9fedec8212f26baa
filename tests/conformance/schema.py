#!/usr/bin/env python3
"""Sends the examples of execution-apis to a node, and checks its answers against their OpenRPC document."""

import argparse
import sys

from localise import LeftOut, Localiser, has_evm_code
from rpc import Node
from scene import Scene, transfer_call
from spec import Case, Spec

ENGINE = "the engine API: there is no consensus client"
ACCESS_LISTS = "block access lists (EIP-7928), which blocks here do not have"
# Methods that are not asked, and why.
LEFT_OUT = {
    "eth_getProof": "Merkle proofs: the commitment to the state is no tree",
    "eth_config": "tells of Ethereum's forks, their blobs and their precompiles (EIP-7910)",
    "eth_getBlockAccessList": ACCESS_LISTS,
    "debug_getRawBlockAccessList": ACCESS_LISTS,
    "testing_buildBlockV1": "for tests of Ethereum's consensus, as the engine API",
}
# Calls for methods that have no example, or that the examples ask too little.
MORE = [
    ("eth_fillTransaction", [{"from": "FROM", "to": "TO", "value": "0x1"}]),
    ("eth_getLogs", [{"address": None, "fromBlock": "0x1", "toBlock": "0x3", "topics": None}]),
    ("eth_newBlockFilter", []),
    ("eth_newPendingTransactionFilter", []),
    ("eth_getFilterChanges", ["FILTER logs"]),
    ("eth_getFilterChanges", ["FILTER blocks"]),
    ("eth_getFilterChanges", ["FILTER transactions"]),
    ("eth_getFilterLogs", ["FILTER logs"]),
    ("txpool_contentFrom", ["WAITING"]),
    ("eth_getTransactionByHash", ["CREATE"]),
    ("eth_feeHistory", ["0xa", "latest", [10, 50.5, 90]]),
    ("eth_getBlockByNumber", ["pending", True]),
    ("eth_getBlockReceipts", ["pending"]),
    ("eth_getTransactionByBlockNumberAndIndex", ["latest", "0x9"]),
    ("eth_getStorageAt", ["TO", "0x0", "earliest"]),
    ("debug_traceBlockByNumber", ["0x3", {"tracer": "callTracer"}]),
    ("debug_traceTransaction", ["CREATE", {"tracer": "prestateTracer"}]),
    # A call that reverts, one that runs out of gas, and one that announces something.
    ("eth_simulateV1", [{"blockStateCalls": [{"calls": [
        {"from": "TO", "to": "TOKEN", "input": "PAY TOO MUCH"},
        {"from": "FROM", "to": "TOKEN", "input": "PAY", "gas": "0x5a00"},
        {"from": "FROM", "to": "TOKEN", "input": "PAY"},
    ]}], "returnFullTransactions": True}]),
]
# Errors that the document names or geth gives where the examples have none.
REFUSALS = [
    ("eth_getBalance", ["TO", "0x37"], -32000, "a block that is not there"),
    ("eth_getBalance", ["TO", "0x" + "ab" * 32], -32000, "a block hash that is not there"),
    ("eth_call", [{"to": "TO"}, "0x37"], -32000, "a block that is not there"),
    ("eth_getBalance", ["f39fd6e51aad88f6f4ce6ab8827279cfffb92266"], -32602, "an address without 0x"),
    ("eth_getBalance", [], -32602, "no parameters"),
    ("eth_getBalance", ["TO", "latest", "0x1"], -32602, "too many parameters"),
    ("eth_getBlockByNumber", ["latest", "true"], -32602, "a text where a boolean belongs"),
    ("eth_getBlockByNumber", [7, True], -32602, "a number where a text belongs"),
    ("eth_getBlockByNumber", ["0x07", True], -32602, "a number with a leading zero"),
    ("eth_sendRawTransaction", ["0x"], -32000, "no transaction"),
    ("eth_sendRawTransaction", ["0x02c0"], -32000, "a transaction without fields"),
    ("eth_getFilterChanges", ["0xdeadbeef"], -32000, "a filter that is not there"),
    ("eth_feeHistory", ["0x1", "0x37"], -32000, "fees of a block that is not there"),
    ("eth_nothing", [], -32601, "a method that is not there"),
]


# Calls at the edges of what numbers hold: any answer will do, but an internal error.
MOST = "0x" + "f" * 16
CALL = {"from": "FROM", "to": "TO"}
EDGES = [
    ("eth_call", [CALL, "latest", {"FROM": {"nonce": MOST}}], "the last nonce"),
    ("eth_estimateGas", [CALL, "latest", {"FROM": {"nonce": MOST}}], "the last nonce"),
    ("eth_createAccessList", [CALL, "latest", {"FROM": {"nonce": MOST}}], "the last nonce"),
    ("eth_call", [{**CALL, "value": "0x1"}, "latest", {"TO": {"balance": "0x" + "f" * 64}}], "all the money"),
    ("eth_call", [CALL, "latest", {"TO": {"code": "0x6000"}}], "code that is no module"),
    ("eth_call", [CALL, "latest", {}, {"number": MOST, "time": MOST, "gasLimit": MOST}], "the last block"),
    ("eth_simulateV1", [{"blockStateCalls": [{"blockOverrides": {"time": MOST}}, {}]}], "after the last second"),
    ("eth_simulateV1", [{"blockStateCalls": [{"blockOverrides": {"number": MOST}}]}], "the last block"),
    ("eth_feeHistory", [MOST, MOST, []], "the last block"),
    ("eth_getLogs", [{"fromBlock": MOST, "toBlock": MOST}], "the last block"),
    ("eth_sendRawTransaction", ["0xc0"], "an empty list"),
]


LENIENT = "parameters are read as alloy's types read them, who are more lenient"
# What is known to differ, and why; who no longer differs has to be taken off.
KNOWN = {
    "eth_getBalance: an address without 0x": LENIENT,
    "eth_getBlockByNumber: a number with a leading zero": LENIENT,
    "debug_getRawTransaction/get-invalid-hash": LENIENT,
    "eth_getStorageAt/get-storage-invalid-key-too-large": LENIENT,
    "eth_simulateV1/ethSimulate-overflow-nonce": "a nonce without successor is refused, validation or not",
}


class Report:
    """A line for each, and how many of which."""

    def __init__(self):
        self.wrong, self.fine, self.known, self.left_out = 0, 0, 0, []

    def ok(self, name):
        """It is as it should be."""
        if name in KNOWN:
            self.wrong += 1
            print(f"not ok  {name}: it no longer differs; take it off the list")
            return
        self.fine += 1
        print(f"ok      {name}")

    def not_ok(self, name, why):
        """It is not."""
        if name in KNOWN:
            self.known += 1
            print(f"differs  {name}: {KNOWN[name]}")
            return
        self.wrong += 1
        print(f"not ok  {name}: {why}")

    def without(self, name, why):
        """It was not asked."""
        self.left_out.append((name, why))


def envelope_mistake(answer, number):
    """Why an answer is no JSON-RPC answer."""
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0" or answer.get("id") != number:
        return f"no JSON-RPC 2.0 answer to this request: {str(answer)[:200]}"
    if ("result" in answer) == ("error" in answer):
        return "either a result or an error, not both and not none"
    error = answer.get("error")
    if error is not None and not (type(error.get("code")) is int and isinstance(error.get("message"), str)):
        return f"an error without a code or a message: {error}"
    return None


def check_survives(spec, node, report, case, params):
    """What is odd may be refused or may fail, but it is no failure of the node."""
    answer = node.raw(case.method, *params)
    if mistake := envelope_mistake(answer, node.number):
        return report.not_ok(case.name, mistake)
    if answer.get("error", {}).get("code") == -32603:
        return report.not_ok(case.name, f"an internal error: {answer['error']}")
    mistake = "result" in answer and spec.result_mistake(case.method, answer["result"])
    return report.not_ok(case.name, mistake) if mistake else report.ok(case.name)


def check(spec, node, report, case, params):
    """Sends a case and judges the answer."""
    if not case.error and (mistake := spec.params_mistake(case.method, params)):
        raise SystemExit(f"{case.name}: these parameters are wrong themselves: {mistake}: {params}")
    answer = node.raw(case.method, *params)
    if mistake := envelope_mistake(answer, node.number):
        return report.not_ok(case.name, mistake)
    error = answer.get("error")
    if case.error:
        wanted = case.error["code"]
        if error is None:
            return report.not_ok(case.name, f"a result; error {wanted} expected ({case.error.get('message')})")
        if error["code"] != wanted:
            return report.not_ok(case.name, f"error {error}; code {wanted} expected ({case.error.get('message')})")
        return report.ok(case.name)
    if error is not None:
        return report.not_ok(case.name, f"error {error}; a result expected")
    result = answer["result"]
    if mistake := spec.result_mistake(case.method, result):
        # An example may itself be wrong; whoever reads the line should know.
        theirs = case.result is not None and spec.result_mistake(case.method, case.result)
        return report.not_ok(case.name, mistake + (f" (so is the example: {theirs})" if theirs else ""))
    if "/more-" not in case.name and (case.result is None) != (result is None):
        return report.not_ok(case.name, f"{str(result)[:200]}; {str(case.result)[:200]} expected")
    if case.method == "eth_getLogs" and bool(case.result) != bool(result) and case.result is not None:
        return report.not_ok(case.name, f"{len(result)} logs; {len(case.result)} in the example")
    return report.ok(case.name)


def needs_evm(case):
    """Whether an example lists what the EVM did."""
    options = case.params[1] if len(case.params) > 1 else {}
    return case.method.startswith("debug_trace") and not case.error and "tracer" not in options


def main():
    """Everything, in the order of the document; transactions last, since they make blocks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="a node for development on a new ledger")
    parser.add_argument("--spec", required=True, help="a copy of the repository of execution-apis")
    parser.add_argument("--token", required=True, help="the artefact of contracts/token")
    arguments = parser.parse_args()
    spec, node, report = Spec(arguments.spec), Node(arguments.url), Report()
    scene = Scene(node, arguments.token)
    cases = spec.cases()
    localiser = Localiser(spec, cases, scene)
    names = {
        "FROM": scene.people[0].address,
        "TO": scene.people[1].address,
        "WAITING": scene.people[7].address,
        "CREATE": scene.transactions["create"],
        "TOKEN": scene.token,
        "PAY": transfer_call(scene.people[1].address, 1),
        "PAY TOO MUCH": transfer_call(scene.people[0].address, 10**30),
        **{f"FILTER {kind}": name for kind, name in scene.filters.items()},
    }

    def named(value):
        if isinstance(value, dict):
            return {names.get(key, key): named(one) for key, one in value.items()}
        if isinstance(value, list):
            return [named(one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    for number, (method, params) in enumerate(MORE):
        case = Case(f"{method}/more-{number}", method, [named(param) for param in params])
        check(spec, node, report, case, case.params)
    for method, params, code, what in REFUSALS:
        error = {"code": code, "message": what}
        case = Case(f"{method}: {what}", method, [named(param) for param in params], error=error)
        check(spec, node, report, case, case.params)
    for method, params, what in EDGES:
        case = Case(f"{method}: {what}", method, [named(param) for param in params])
        check_survives(spec, node, report, case, case.params)
    sends = ("eth_sendRawTransaction", "eth_sendTransaction", "eth_uninstallFilter")
    for case in sorted(cases, key=lambda case: (case.method in sends)):
        if case.method.startswith("engine_") or case.method in LEFT_OUT:
            continue
        if needs_evm(case):
            report.without(case.name, "lists instructions of the EVM")
            continue
        try:
            params = localiser.params(case)
        except LeftOut as reason:
            report.without(case.name, str(reason))
            continue
        # Where theirs is an internal error, ours shall be a better one.
        is_odd = has_evm_code(case) or (case.error or {}).get("code") == -32603
        (check_survives if is_odd else check)(spec, node, report, case, params)
    for method in spec.methods:
        reason = ENGINE if method.startswith("engine_") else LEFT_OUT.get(method)
        if reason:
            report.without(method, reason)
    asked = {case.method for case in cases} | {method for method, _ in MORE}
    for method in spec.methods.keys() - asked - LEFT_OUT.keys():
        if not method.startswith("engine_"):
            report.not_ok(method, "nobody asks it: add a request to this program")
    for name, why in report.left_out:
        print(f"left out  {name}: {why}")
    left_out = len(report.left_out)
    print(f"{report.fine} ok, {report.wrong} not ok, {report.known} known to differ, {left_out} left out")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
