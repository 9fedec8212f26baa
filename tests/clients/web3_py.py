"""What a program written with web3.py may rely on. Unmodified web3.py, its ordinary calls."""

import asyncio
import json
import os
import sys
import time
import traceback

from eth_account import Account
from eth_utils import function_abi_to_4byte_selector
from web3 import AsyncWeb3, HTTPProvider, Web3, WebSocketProvider
from web3.exceptions import (
    BlockNotFound,
    ContractCustomError,
    MethodUnavailable,
    TransactionNotFound,
    Web3RPCError,
)
from web3.logs import DISCARD
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.utils.subscriptions import LogsSubscription, NewHeadsSubscription, PendingTxSubscription

HTTP, WS, ARTEFACT = (
    sys.argv[1:4] if len(sys.argv) > 3 else map(os.environ.get, ("FLORIN_HTTP", "FLORIN_WS", "FLORIN_ARTEFACT"))
)
if not (HTTP and WS and ARTEFACT):
    sys.exit("usage: web3_py.py HTTP-URL WS-URL ARTEFACT.json (or FLORIN_HTTP, FLORIN_WS, FLORIN_ARTEFACT)")
with open(ARTEFACT, encoding="utf-8") as file:
    artefact = json.load(file)

PHRASE = "test test test test test test test test test test test junk"
SUPPLY = 1_000_000_000_000
TOO_MUCH = 10**30
ZERO = "0x" + "00" * 20
# With FLORIN_CLIENTS_ALL set a broken promise does not end the program, so that one run shows all of them.
GO_ON = bool(os.environ.get("FLORIN_CLIENTS_ALL"))
counts = {"kept": 0, "broken": 0, "skipped": 0}


class Unexpected(Exception):
    """A promise that was not kept."""


def equal(found, expected, what="value"):
    if found != expected:
        raise Unexpected(f"{what}\n  expected: {expected!r}\n  found:    {found!r}")


def holds(condition, what, found=None):
    if not condition:
        raise Unexpected(f"{what}\n  expected: true\n  found:    {found!r}")


def failure(action, kind, what):
    """The error of the given type that `action` ends with; it is broken if there is none."""
    try:
        value = action()
    except kind as error:
        return error
    except Exception as error:
        raise Unexpected(f"{what}\n  expected: {kind.__name__}\n  found:    {error!r}") from error
    raise Unexpected(f"{what}\n  expected: {kind.__name__}\n  found:    {value!r}")


def finish():
    print(", ".join(f"{count} {name}" for name, count in counts.items()))
    sys.exit(1 if counts["broken"] else 0)


def promise(name):
    """Checks the function below it at once."""

    def check(action):
        try:
            action()
            counts["kept"] += 1
            print(f"ok - {name}", flush=True)
        except Exception as error:
            counts["broken"] += 1
            text = str(error) if isinstance(error, Unexpected) else traceback.format_exc()
            print(f"broken - {name}\n  " + text.replace("\n", "\n  "), flush=True)
            if not GO_ON:
                finish()

    return check


def skip(name, why):
    counts["skipped"] += 1
    print(f"SKIPPED - {name}: {why}")


Account.enable_unaudited_hdwallet_features()
alice, bob, carol, dave, erin = (
    Account.from_mnemonic(PHRASE, account_path=f"m/44'/60'/0'/0/{index}") for index in range(5)
)
w3 = Web3(HTTPProvider(HTTP))
w3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build([alice, bob, carol, dave, erin]), layer=0)
w3.eth.default_account = alice.address
contract = w3.eth.contract(abi=artefact["abi"], bytecode=artefact["bytecode"])
ERRORS = {
    function_abi_to_4byte_selector({**item, "type": "function"}): item
    for item in artefact["abi"]
    if item["type"] == "error"
}
token = paid = None


def stranger():
    return Account.create()


def receipt_of(tx):
    return w3.eth.wait_for_transaction_receipt(tx, timeout=10, poll_latency=0.05)


def pay(sender, to, value, **more):
    return w3.eth.send_transaction({"from": sender.address, "to": to, "value": value, **more})


def signed(sender, to, value, nonce, fee=2, tip=1):
    """A transaction with its nonce given, as a client signs it offline; fees in gwei."""
    return sender.sign_transaction(
        {
            "chainId": 31337,
            "to": to,
            "value": value,
            "nonce": nonce,
            "gas": 21000,
            "maxFeePerGas": Web3.to_wei(fee, "gwei"),
            "maxPriorityFeePerGas": Web3.to_wei(tip, "gwei"),
        }
    ).raw_transaction


def custom(error):
    """A contract's error: its name and arguments."""
    data = bytes.fromhex(error.data[2:])
    item = ERRORS[data[:4]]
    return item["name"], list(w3.codec.decode([given["type"] for given in item["inputs"]], data[4:]))


def is_too_much(error):
    name, (who, has, needs) = custom(error)
    equal(name, "ERC20InsufficientBalance")
    expected = (bob.address.lower(), token.functions.balanceOf(bob.address).call(), TOO_MUCH)
    equal((who, has, needs), expected, "arguments")


@promise("tells the chain id and that it is there")
def _():
    holds(w3.is_connected(), "connected")
    equal(w3.eth.chain_id, 31337)
    equal(w3.net.version, "31337")
    equal(w3.eth.syncing, False)
    holds(w3.client_version.startswith("Florin/"), "client version", w3.client_version)


@promise("tells the balances of the accounts of development")
def _():
    for account in (alice, bob, carol, dave, erin):
        equal(w3.eth.get_balance(account.address), Web3.to_wei(10_000, "ether"), account.address)


@promise("estimates fees")
def _():
    base = w3.eth.get_block("latest")["baseFeePerGas"]
    equal(w3.eth.gas_price, base, "gas price")
    equal(w3.eth.max_priority_fee, 0, "tip")
    history = w3.eth.fee_history(4, "latest", [25, 75])
    equal(len(history["baseFeePerGas"]), len(history["gasUsedRatio"]) + 1, "one more base fee than blocks")
    equal(w3.eth.blob_base_fee, 0, "blobs")


@promise("pays for exactly 21,000 gas")
def _():
    to, before = stranger().address, w3.eth.get_balance(alice.address)
    equal(w3.eth.estimate_gas({"from": alice.address, "to": to, "value": 1}), 21000, "estimate")
    receipt = receipt_of(pay(alice, to, Web3.to_wei(1, "ether")))
    equal((receipt["status"], receipt["gasUsed"], receipt["type"]), (1, 21000, 2), "status, gas, type")
    equal((receipt["from"], receipt["to"]), (alice.address, to), "from, to")
    equal(w3.eth.get_balance(to), Web3.to_wei(1, "ether"), "what arrived")
    fee = receipt["gasUsed"] * receipt["effectiveGasPrice"]
    equal(w3.eth.get_balance(alice.address), before - Web3.to_wei(1, "ether") - fee, "what is left")


@promise("takes legacy transactions")
def _():
    receipt = receipt_of(pay(alice, stranger().address, 1, gasPrice=w3.eth.gas_price))
    equal((receipt["status"], receipt["gasUsed"], receipt["type"]), (1, 21000, 0))


@promise("deploys with constructor arguments")
def _():
    global token
    arguments = ("Florin Dollar", "FUSD", 6, alice.address, SUPPLY)
    receipt = receipt_of(contract.constructor(*arguments).transact())
    equal((receipt["status"], receipt["to"]), (1, None), "status, to")
    token = w3.eth.contract(address=receipt["contractAddress"], abi=artefact["abi"])
    (minted,) = token.events.Transfer().process_receipt(receipt, errors=DISCARD)
    equal(dict(minted["args"]), {"from": ZERO, "to": alice.address, "value": SUPPLY}, "the first Transfer")
    holds(len(w3.eth.get_code(token.address)) > 1000, "the contract has code")


@promise("reads")
def _():
    call = token.functions
    found = [f.call() for f in (call.name(), call.symbol(), call.decimals(), call.totalSupply())]
    equal(found, ["Florin Dollar", "FUSD", 6, SUPPLY])
    equal(call.balanceOf(alice.address).call(), SUPPLY)
    equal(call.hasRole(bytes(32), alice.address).call(), True, "alice is the administrator")
    equal(call.hasRole(bytes(32), bob.address).call(), False, "bob is not")
    equal(token.caller.symbol(), "FUSD", "caller")


@promise("transfers tokens, with the event in the receipt")
def _():
    global paid
    transfer = token.functions.transfer(bob.address, 250_000_000)
    equal(transfer.call(), True, "call")
    paid = receipt_of(transfer.transact())
    (event,) = token.events.Transfer().process_receipt(paid)
    equal(dict(event["args"]), {"from": alice.address, "to": bob.address, "value": 250_000_000})
    place = (event["blockHash"], event["transactionHash"], event["logIndex"])
    equal(place, (paid["blockHash"], paid["transactionHash"], 0), "where it is")
    equal(token.functions.balanceOf(bob.address).call(), 250_000_000, "bob's tokens")


@promise("takes a permit that sign_typed_data signed")
def _():
    nonce = token.functions.nonces(bob.address).call()
    deadline = w3.eth.get_block("latest")["timestamp"] + 3600
    domain = {"name": "Florin Dollar", "version": "1", "chainId": 31337, "verifyingContract": token.address}
    kinds = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256", "deadline": "uint256"}
    types = {"Permit": [{"name": name, "type": kind} for name, kind in kinds.items()]}
    message = dict(zip(kinds, (bob.address, carol.address, 1_000, nonce, deadline)))
    sign = bob.sign_typed_data(domain, types, message)
    r, s = sign.r.to_bytes(32, "big"), sign.s.to_bytes(32, "big")
    permit = token.functions.permit(bob.address, carol.address, 1_000, deadline, sign.v, r, s)
    receipt = receipt_of(permit.transact({"from": carol.address}))
    (event,) = token.events.Approval().process_receipt(receipt)
    equal(dict(event["args"]), {"owner": bob.address, "spender": carol.address, "value": 1_000})
    equal(token.functions.allowance(bob.address, carol.address).call(), 1_000)
    equal(token.functions.nonces(bob.address).call(), nonce + 1)
    again = failure(lambda: permit.transact({"from": carol.address}), ContractCustomError, "the same permit again")
    equal(custom(again)[0], "ERC2612InvalidSigner")


@promise("finds events by get_logs")
def _():
    to_bob = token.events.Transfer().get_logs(from_block=0, argument_filters={"to": bob.address})
    equal([event["args"]["value"] for event in to_bob], [250_000_000])
    equal(to_bob[0]["transactionHash"], paid["transactionHash"])
    of_block = w3.eth.get_logs({"blockHash": paid["blockHash"]})
    equal([log["transactionHash"] for log in of_block], [paid["transactionHash"]], "by hash of the block")


@promise("tells filters what is new (poll)")
def _():
    logs = token.events.Transfer().create_filter(from_block="latest")
    blocks, transactions = w3.eth.filter("latest"), w3.eth.filter("pending")
    hash_ = token.functions.transfer(dave.address, 11).transact()
    receipt = receipt_of(hash_)
    # From the latest block on, so what was there already may be told.
    told = [event["args"]["value"] for event in logs.get_new_entries()]
    holds(told[-1:] == [11], "the log is told", told)
    equal(logs.get_new_entries(), [], "each log once")
    equal(blocks.get_new_entries(), [receipt["blockHash"]], "blocks")
    equal(transactions.get_new_entries(), [hash_], "transactions")
    everything = token.events.Transfer().create_filter(from_block=0)
    holds(len(everything.get_all_entries()) >= 3, "get_all_entries tells all from from_block on")
    equal(w3.eth.uninstall_filter(blocks.filter_id), True, "uninstalled")
    failure(blocks.get_new_entries, Web3RPCError, "a filter that is gone")


@promise("tells subscribers by WebSocket")
def _():
    async def subscribed():
        seen = {"heads": [], "logs": [], "hashes": []}

        def into(name):
            async def handler(context):
                seen[name].append(context.result)

            return handler

        async with AsyncWeb3(WebSocketProvider(WS)) as live:
            equal(await live.eth.chain_id, 31337, "chain id")
            topics = [Web3.keccak(text="Transfer(address,address,uint256)")]
            await live.subscription_manager.subscribe(
                [
                    NewHeadsSubscription(handler=into("heads")),
                    LogsSubscription(address=token.address, topics=topics, handler=into("logs")),
                    PendingTxSubscription(handler=into("hashes")),
                ]
            )
            handling = asyncio.create_task(live.subscription_manager.handle_subscriptions(run_forever=True))
            hash_ = await asyncio.to_thread(lambda: token.functions.transfer(dave.address, 12).transact())
            for _ in range(200):
                if all(seen.values()):
                    break
                await asyncio.sleep(0.05)
            handling.cancel()
            await asyncio.gather(handling, return_exceptions=True)
            receipt = await live.eth.get_transaction_receipt(hash_)
            equal([head["hash"] for head in seen["heads"]], [receipt["blockHash"]], "heads")
            events = [token.events.Transfer().process_log(log)["args"]["value"] for log in seen["logs"]]
            equal(events, [12], "events")
            equal(seen["hashes"], [hash_], "hashes")
            await live.subscription_manager.unsubscribe_all()

    asyncio.run(subscribed())


@promise("tells the contract's errors from calls")
def _():
    action = token.functions.transfer(alice.address, TOO_MUCH)
    is_too_much(failure(lambda: action.call({"from": bob.address}), ContractCustomError, "call"))


@promise("tells the contract's errors from estimates")
def _():
    action = token.functions.transfer(alice.address, TOO_MUCH)
    is_too_much(failure(lambda: action.estimate_gas({"from": bob.address}), ContractCustomError, "estimate_gas"))
    is_too_much(failure(lambda: action.transact({"from": bob.address}), ContractCustomError, "transact"))


@promise("keeps a transaction that reverts: status, gas, no events")
def _():
    action = token.functions.transfer(alice.address, TOO_MUCH)
    receipt = receipt_of(action.transact({"from": bob.address, "gas": 200_000}))
    equal((receipt["status"], receipt["logs"]), (0, []), "status, logs")
    holds(21000 < receipt["gasUsed"] < 200_000, "part of the gas is used", receipt["gasUsed"])


@promise("lets a transaction wait for an earlier nonce")
def _():
    to, nonce = stranger().address, w3.eth.get_transaction_count(carol.address)
    second = w3.eth.send_raw_transaction(signed(carol, to, 2, nonce + 1))
    waiting = w3.eth.get_transaction(second)
    equal((waiting["blockHash"], waiting["blockNumber"], waiting["from"]), (None, None, carol.address), "it waits")
    failure(lambda: w3.eth.get_transaction_receipt(second), TransactionNotFound, "its receipt")
    equal(w3.eth.get_transaction_count(carol.address, "pending"), nonce, "a gap does not count")
    equal(w3.geth.txpool.status()["queued"], "0x1", "txpool_status")
    first = w3.eth.send_raw_transaction(signed(carol, to, 1, nonce))
    one, two = receipt_of(first), receipt_of(second)
    place = [(found["blockNumber"], found["transactionIndex"]) for found in (one, two)]
    holds(place[0] < place[1], "in order", place)
    equal(w3.eth.get_balance(to), 3, "both arrived")


@promise("replaces a waiting transaction by one that pays more")
def _():
    former, latter = stranger().address, stranger().address
    nonce = w3.eth.get_transaction_count(carol.address)
    old = w3.eth.send_raw_transaction(signed(carol, former, 3, nonce + 1))
    same = signed(carol, latter, 3, nonce + 1)
    refused = failure(lambda: w3.eth.send_raw_transaction(same), Web3RPCError, "a replacement that pays the same")
    holds("replacement transaction underpriced" in str(refused), "replacement transaction underpriced", refused)
    equal(refused.rpc_response["error"]["code"], -32000, "code")
    better = w3.eth.send_raw_transaction(signed(carol, latter, 3, nonce + 1, fee=4, tip=2))
    failure(lambda: w3.eth.get_transaction(old), TransactionNotFound, "the former")
    w3.eth.send_raw_transaction(signed(carol, alice.address, 1, nonce))
    equal(receipt_of(better)["status"], 1, "the replacement")
    equal((w3.eth.get_balance(former), w3.eth.get_balance(latter)), (0, 3), "what arrived")


@promise("replaces by replace_transaction")
def _():
    to, nonce = stranger().address, w3.eth.get_transaction_count(dave.address)
    old = w3.eth.send_raw_transaction(signed(dave, to, 1, nonce + 1))
    new = {"from": dave.address, "to": to, "value": 5, "gas": 21000, "nonce": nonce + 1}
    fees = {"maxFeePerGas": Web3.to_wei(5, "gwei"), "maxPriorityFeePerGas": Web3.to_wei(2, "gwei")}
    better = w3.eth.replace_transaction(old, {**new, **fees})
    w3.eth.send_raw_transaction(signed(dave, alice.address, 1, nonce))
    equal(receipt_of(better)["status"], 1, "the replacement")
    equal(w3.eth.get_balance(to), 5, "what arrived")


@promise("refuses in the words that clients know")
def _():
    to, nonce = stranger().address, w3.eth.get_transaction_count(alice.address)

    def refused(raw, words, what):
        error = failure(lambda: w3.eth.send_raw_transaction(raw), Web3RPCError, what)
        holds(words in str(error), words, error)
        equal(error.rpc_response["error"]["code"], -32000, "code")

    refused(signed(alice, to, 1, 0), "nonce too low", "a used nonce")
    refused(signed(alice, to, 10**24, nonce), "insufficient funds for gas * price + value", "more than there is")
    refused(signed(alice, to, 1, nonce, fee=0.5, tip=0.1), "max fee per gas less than block base fee", "too low a fee")
    refused(b"\x02\x01", "rlp", "no transaction")
    poor = {"from": stranger().address, "to": to, "value": 1}
    error = failure(lambda: w3.eth.estimate_gas(poor), Web3RPCError, "an estimate for somebody without funds")
    holds("insufficient funds" in str(error), "insufficient funds", error)


@promise("says what is not there")
def _():
    hash_ = Web3.keccak(text="nothing")
    failure(lambda: w3.eth.get_transaction(hash_), TransactionNotFound, "a transaction")
    failure(lambda: w3.eth.get_transaction_receipt(hash_), TransactionNotFound, "a receipt")
    failure(lambda: w3.eth.get_block(hash_), BlockNotFound, "a block by hash")
    failure(lambda: w3.eth.get_block(10**9), BlockNotFound, "a block by number")
    failure(lambda: w3.eth.get_balance(bob.address, 10**9), Web3RPCError, "a balance in the future")
    failure(lambda: w3.manager.request_blocking("eth_notThere", []), MethodUnavailable, "a method")


@promise("tells a request that cannot be read from a contract that refuses")
def _():
    call = {"from": alice.address, "to": token.address, "value": 2**256}
    error = failure(lambda: w3.eth.call(call), Web3RPCError, "a value that is too large")
    equal(error.rpc_response["error"]["code"], -32602, "code")


@promise("reads the past by number and by hash")
def _():
    balance = token.functions.balanceOf(bob.address)
    before = w3.eth.get_block(paid["blockNumber"] - 1)
    equal(balance.call(block_identifier=before["number"]), 0, "before the payment")
    equal(balance.call(block_identifier=paid["blockNumber"]), 250_000_000, "after it")
    equal(balance.call(block_identifier=before["hash"]), 0, "by hash, before")
    equal(balance.call(block_identifier=paid["blockHash"]), 250_000_000, "by hash, after")
    then = w3.eth.get_balance(alice.address, before["number"])
    fee = paid["gasUsed"] * paid["effectiveGasPrice"]
    equal(then - w3.eth.get_balance(alice.address, paid["blockNumber"]), fee, "the fee")
    equal(w3.eth.get_balance(alice.address, before["hash"]), then, "a balance by hash")
    equal(w3.eth.get_balance(alice.address, "earliest"), Web3.to_wei(10_000, "ether"), "genesis")
    for tag in ("safe", "finalized", "pending"):
        equal(w3.eth.get_balance(bob.address, tag), w3.eth.get_balance(bob.address), tag)


@promise("shows blocks and their transactions")
def _():
    block = w3.eth.get_block(paid["blockHash"], full_transactions=True)
    equal((block["number"], block["gasUsed"]), (paid["blockNumber"], paid["gasUsed"]), "number, gas")
    sent = w3.eth.get_transaction(paid["transactionHash"])
    equal(block["transactions"], [sent], "the same as by its hash")
    equal(w3.eth.get_transaction_by_block(paid["blockNumber"], 0), sent, "the same as by its place")
    name, arguments = token.decode_function_input(sent["input"])
    equal((name.fn_name, list(arguments.values())), ("transfer", [bob.address, 250_000_000]), "its call")
    equal(w3.eth.get_block(paid["blockNumber"])["transactions"], [paid["transactionHash"]], "hashes")
    equal(w3.eth.get_block(block["number"] - 1)["hash"], block["parentHash"], "parent")
    equal(w3.eth.get_block_transaction_count(paid["blockHash"]), 1, "count")
    equal(w3.eth.get_block_receipts(paid["blockNumber"]), [paid], "receipts of the block")


@promise("shows the bytes of transactions")
def _():
    raw = w3.eth.get_raw_transaction(paid["transactionHash"])
    equal(Web3.keccak(raw), paid["transactionHash"], "get_raw_transaction")
    equal(w3.eth.get_raw_transaction_by_block(paid["blockNumber"], 0), raw, "get_raw_transaction_by_block")
    equal(Account.recover_transaction(raw), alice.address, "its signer")


@promise("calls over a supposed state")
def _():
    poor = stranger().address
    call = {"from": poor, "to": stranger().address, "value": 3}
    w3.eth.call(call, "latest", {poor: {"balance": Web3.to_wei(1, "ether")}})
    error = failure(lambda: w3.eth.call(call), Web3RPCError, "without")
    holds("insufficient funds" in str(error), "insufficient funds", error)
    equal(w3.eth.estimate_gas(call, "latest", {poor: {"balance": Web3.to_wei(1, "ether")}}), 21000, "estimate")


@promise("simulates blocks (eth_simulateV1)")
def _():
    poor = stranger().address
    data = token.encode_abi("transfer", [poor, 9])
    calls = [
        {"from": poor, "to": bob.address, "value": 4},
        {"from": alice.address, "to": token.address, "data": data},
        {"from": bob.address, "to": token.address, "data": token.encode_abi("transfer", [poor, TOO_MUCH])},
    ]
    state = {poor: {"balance": Web3.to_wei(1, "ether")}}
    (block,) = w3.eth.simulate_v1({"blockStateCalls": [{"stateOverrides": state, "calls": calls}]}, "latest")
    equal(block["number"], w3.eth.block_number + 1, "number")
    equal([call["status"] for call in block["calls"]], [1, 1, 0], "status")
    equal(block["calls"][0]["gasUsed"], 21000, "gas")
    equal(len(block["calls"][1]["logs"]), 1, "logs")
    error = block["calls"][2]["error"]
    equal(error["code"], 3, "code of the error")
    holds(error.get("data", "").startswith("0xe450d38c"), "its data is that of ERC20InsufficientBalance", error)


@promise("traces calls (callTracer)")
def _():
    root = w3.geth.debug.trace_transaction(paid["transactionHash"], {"tracer": "callTracer"})
    used = root["gasUsed"]
    used = int(used, 16) if isinstance(used, str) else used
    equal((root["type"], used), ("CALL", paid["gasUsed"]))


@promise("makes access lists")
def _():
    data = token.encode_abi("transfer", [bob.address, 1])
    made = w3.eth.create_access_list({"from": alice.address, "to": token.address, "data": data})
    equal(made["accessList"], [])
    holds(int(made["gasUsed"]) > 21000, "gas used", made["gasUsed"])


@promise("answers batches")
def _():
    with w3.batch_requests() as batch:
        batch.add(w3.eth.get_balance(bob.address))
        batch.add(w3.eth.get_block(1))
        batch.add(token.functions.symbol())
        batch.add(token.functions.balanceOf(dave.address))
        balance, block, symbol, tokens = batch.execute()
    equal((block["number"], symbol, tokens), (1, "FUSD", 23))
    equal(balance, w3.eth.get_balance(bob.address))


@promise("answers with the receipt at once (eth_sendRawTransactionSync)")
def _():
    raw = signed(erin, stranger().address, 5, w3.eth.get_transaction_count(erin.address))
    receipt = w3.manager.request_blocking("eth_sendRawTransactionSync", [raw.to_0x_hex()])
    equal((receipt["transactionHash"], receipt["status"]), (Web3.keccak(raw).to_0x_hex(), "0x1"))


finish()
