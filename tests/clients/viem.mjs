// What a program written with viem may rely on. Unmodified viem, its ordinary calls.
import {
  BaseError,
  BlockNotFoundError,
  CallExecutionError,
  ChainDoesNotSupportContract,
  ContractFunctionRevertedError,
  FeeCapTooLowError,
  InsufficientFundsError,
  IntrinsicGasTooLowError,
  NonceTooLowError,
  TransactionNotFoundError,
  TransactionReceiptNotFoundError,
  createPublicClient,
  createWalletClient,
  encodeDeployData,
  encodeFunctionData,
  erc6492SignatureValidatorAbi,
  erc6492SignatureValidatorByteCode,
  hashMessage,
  http,
  keccak256,
  parseEther,
  parseEventLogs,
  parseGwei,
  parseSignature,
  serializeErc6492Signature,
  webSocket,
  zeroAddress,
} from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'
import * as florin from './promises.mjs'

const { artefact, equal, failure, finish, holds, promise, skip, until } = florin
const { abi, bytecode } = artefact
const [alice, bob, carol, dave, erin] = [0, 1, 2, 3, 4].map((addressIndex) =>
  mnemonicToAccount(florin.phrase, { addressIndex }),
)
const transport = http(florin.http)
const client = createPublicClient({ chain: foundry, transport, pollingInterval: 50, cacheTime: 0 })
const wallet = createWalletClient({ account: alice, chain: foundry, transport, pollingInterval: 50 })
const bobs = createWalletClient({ account: bob, chain: foundry, transport, pollingInterval: 50 })
const carols = createWalletClient({ account: carol, chain: foundry, transport, pollingInterval: 50 })
const live = createPublicClient({ chain: foundry, transport: webSocket(florin.ws) })

const stranger = () => privateKeyToAccount(generatePrivateKey())
const receiptOf = (hash) => client.waitForTransactionReceipt({ hash })
const supply = 1_000_000_000_000n
let token

const read = (functionName, args = [], more = {}) =>
  client.readContract({ address: token, abi, functionName, args, ...more })
const write = (from, functionName, args, more = {}) =>
  from.writeContract({ address: token, abi, functionName, args, ...more })
/** The contract's own error, as viem decoded it. */
const revertOf = (error) => {
  const revert = error instanceof BaseError && error.walk((e) => e instanceof ContractFunctionRevertedError)
  holds(revert, 'the error is a ContractFunctionRevertedError', error)
  return revert.data
}
const isA = (error, type) => {
  const found = error instanceof BaseError && error.walk((e) => e instanceof type)
  holds(found, `the error is a ${type.name}`, error)
  return found
}

await promise('tells the chain id', async () => equal(await client.getChainId(), 31337))

await promise('tells the balances of the accounts of development', async () => {
  for (const { address } of [alice, bob, carol, dave, erin])
    equal(await client.getBalance({ address }), parseEther('10000'), address)
  equal(await client.getBalance({ address: stranger().address }), 0n, 'a stranger')
})

await promise('estimates fees by the base fee and no tip', async () => {
  const { baseFeePerGas } = await client.getBlock()
  const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
  holds(maxFeePerGas >= baseFeePerGas + maxPriorityFeePerGas, 'the estimate covers the base fee', maxFeePerGas)
  equal(await client.getGasPrice(), baseFeePerGas, 'gas price')
  equal(await client.estimateMaxPriorityFeePerGas(), 0n, 'tip')
  const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] })
  equal(history.baseFeePerGas.length, history.gasUsedRatio.length + 1, 'one more base fee than blocks')
  equal(history.reward.length, history.gasUsedRatio.length, 'rewards for each block')
  equal(await client.getBlobBaseFee(), 0n, 'blobs')
})

await promise('pays for exactly 21,000 gas', async () => {
  const to = stranger().address
  const before = await client.getBalance({ address: alice.address })
  equal(await client.estimateGas({ account: alice, to, value: 1n }), 21000n, 'estimate')
  const hash = await wallet.sendTransaction({ to, value: parseEther('1.5') })
  const receipt = await receiptOf(hash)
  equal(receipt.status, 'success', 'status')
  equal(receipt.type, 'eip1559', 'type')
  equal(receipt.gasUsed, 21000n, 'gas used')
  equal(receipt.cumulativeGasUsed, 21000n, 'cumulative gas used')
  equal(receipt.transactionIndex, 0, 'index')
  equal(receipt.from, alice.address.toLowerCase(), 'from')
  equal(receipt.to, to.toLowerCase(), 'to')
  equal(receipt.contractAddress, null, 'nothing was created')
  equal(receipt.logs, [], 'logs')
  equal(await client.getBalance({ address: to }), parseEther('1.5'), 'what arrived')
  const fee = receipt.gasUsed * receipt.effectiveGasPrice
  equal(await client.getBalance({ address: alice.address }), before - parseEther('1.5') - fee, 'what is left')
})

await promise('takes legacy and EIP-2930 transactions', async () => {
  const to = stranger().address
  const legacy = await receiptOf(await wallet.sendTransaction({ to, value: 1n, type: 'legacy' }))
  equal([legacy.type, legacy.status, legacy.gasUsed], ['legacy', 'success', 21000n])
  const accessList = [{ address: to, storageKeys: [] }]
  const listed = await receiptOf(await wallet.sendTransaction({ to, value: 1n, type: 'eip2930', accessList }))
  equal([listed.type, listed.status, listed.gasUsed], ['eip2930', 'success', 21000n + 2400n])
  const shown = await client.getTransaction({ hash: listed.transactionHash })
  equal(shown.accessList, [{ address: to.toLowerCase(), storageKeys: [] }], 'access list')
})

await promise('deploys with constructor arguments', async () => {
  const hash = await wallet.deployContract({ abi, bytecode, args: ['Florin Dollar', 'FUSD', 6, alice.address, supply] })
  const receipt = await receiptOf(hash)
  equal(receipt.status, 'success', 'status')
  equal(receipt.to, null, 'to')
  token = receipt.contractAddress
  holds(token, 'the receipt names the contract', receipt)
  const [minted] = parseEventLogs({ abi, logs: receipt.logs, eventName: 'Transfer' })
  equal(minted.args, { from: zeroAddress, to: alice.address, value: supply }, 'the first Transfer')
  holds((await client.getCode({ address: token })).length > 1000, 'the contract has code')
  const sent = await client.getTransaction({ hash })
  equal(sent.to, null, 'to')
  holds(sent.input.startsWith(bytecode), 'the input begins with the bytecode', sent.input.slice(0, 80))
})

await promise('reads', async () => {
  equal(await read('name'), 'Florin Dollar')
  equal(await read('symbol'), 'FUSD')
  equal(await read('decimals'), 6)
  equal(await read('totalSupply'), supply)
  equal(await read('balanceOf', [alice.address]), supply)
  equal(await read('balanceOf', [bob.address]), 0n)
  const admin = await read('DEFAULT_ADMIN_ROLE')
  equal(await read('hasRole', [admin, alice.address]), true, 'alice is the administrator')
  equal(await read('hasRole', [admin, bob.address]), false, 'bob is not')
  const { domain } = await client.getEip712Domain({ address: token })
  equal([domain.name, domain.version, domain.chainId], ['Florin Dollar', '1', 31337], 'EIP-5267')
})

let paid
await promise('transfers tokens, with the event in the receipt', async () => {
  const hash = await write(wallet, 'transfer', [bob.address, 250_000_000n])
  paid = await receiptOf(hash)
  const [event, ...rest] = parseEventLogs({ abi, logs: paid.logs })
  equal(rest, [], 'one event')
  equal(event.eventName, 'Transfer')
  equal(event.args, { from: alice.address, to: bob.address, value: 250_000_000n })
  equal([event.blockHash, event.transactionHash], [paid.blockHash, hash], 'where it is')
  equal(event.removed, false, 'removed')
  equal(await read('balanceOf', [bob.address]), 250_000_000n, "bob's tokens")
})

await promise('simulates before writing (simulateContract)', async () => {
  const call = { address: token, abi, functionName: 'transfer', args: [carol.address, 7n], account: bob }
  const { request, result } = await client.simulateContract(call)
  equal(result, true, 'result')
  equal(await read('balanceOf', [carol.address]), 0n, 'nothing happened yet')
  equal((await receiptOf(await bobs.writeContract(request))).status, 'success')
  equal(await read('balanceOf', [carol.address]), 7n, "carol's tokens")
})

const types = {
  Permit: [
    { name: 'owner', type: 'address' },
    { name: 'spender', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
}
await promise('takes a permit that signTypedData signed', async () => {
  const message = {
    owner: bob.address,
    spender: carol.address,
    value: 1_000n,
    nonce: await read('nonces', [bob.address]),
    deadline: (await client.getBlock()).timestamp + 3600n,
  }
  const domain = { name: 'Florin Dollar', version: '1', chainId: 31337, verifyingContract: token }
  const signature = await bobs.signTypedData({ domain, types, primaryType: 'Permit', message })
  const { r, s, v } = parseSignature(signature)
  const args = [message.owner, message.spender, message.value, message.deadline, Number(v), r, s]
  const receipt = await receiptOf(await write(carols, 'permit', args))
  equal(receipt.status, 'success', 'status')
  const [event] = parseEventLogs({ abi, logs: receipt.logs, eventName: 'Approval' })
  equal(event.args, { owner: bob.address, spender: carol.address, value: 1_000n })
  equal(await read('allowance', [bob.address, carol.address]), 1_000n)
  equal(await read('nonces', [bob.address]), 1n)
  const again = await failure(() => write(carols, 'permit', args), 'the same permit again')
  equal(revertOf(again).errorName, 'ERC2612InvalidSigner')
  const valid = { address: bob.address, domain, types, primaryType: 'Permit', message, signature }
  equal(await client.verifyTypedData(valid), true, 'verifyTypedData')
  const used = await receiptOf(await write(carols, 'transferFrom', [bob.address, erin.address, 400n]))
  equal(used.status, 'success', 'transferFrom')
  equal(await read('allowance', [bob.address, carol.address]), 600n, 'what is left')
})

await promise('finds events by getLogs and getContractEvents', async () => {
  const found = await client.getContractEvents({
    address: token,
    abi,
    eventName: 'Transfer',
    args: { to: bob.address },
    fromBlock: 0n,
    strict: true,
  })
  equal(found.map((log) => log.args), [{ from: alice.address, to: bob.address, value: 250_000_000n }])
  const { transactionHash, logIndex, blockHash, blockNumber, topics, data } = found[0]
  equal({ transactionHash, logIndex, blockHash, blockNumber, topics, data }, {
    transactionHash: paid.transactionHash,
    logIndex: paid.logs[0].logIndex,
    blockHash: paid.blockHash,
    blockNumber: paid.blockNumber,
    topics: paid.logs[0].topics,
    data: paid.logs[0].data,
  }, 'the same log as in the receipt')
  const event = abi.find((item) => item.type === 'event' && item.name === 'Transfer')
  const either = await client.getLogs({
    address: token,
    event,
    args: { from: [bob.address, zeroAddress] },
    fromBlock: 'earliest',
    toBlock: 'latest',
  })
  equal(either.map((log) => log.args.value), [supply, 7n, 400n], 'one of several topics')
  const ofBlock = await client.getLogs({ blockHash: paid.blockHash })
  equal(ofBlock.length, 1, 'logs of a block by its hash')
  equal(await client.getLogs({ address: stranger().address, fromBlock: 0n }), [], 'no such logs')
})

await promise('refuses to look for logs in blocks that are not there yet', async () => {
  const toBlock = (await client.getBlockNumber()) + 10n
  const future = await failure(() => client.getLogs({ fromBlock: 0n, toBlock }), 'logs up to a future block')
  holds(/block range extends beyond current head block/.test(future.details), 'the words of execution-apis', future)
})

await promise('tells filters what is new (poll)', async () => {
  const logs = await client.createContractEventFilter({ address: token, abi, eventName: 'Transfer' })
  const blocks = await client.createBlockFilter()
  const transactions = await client.createPendingTransactionFilter()
  equal(await client.getFilterChanges({ filter: logs }), [], 'nothing yet')
  const hash = await write(wallet, 'transfer', [dave.address, 11n])
  const { blockHash } = await receiptOf(hash)
  const found = await client.getFilterChanges({ filter: logs })
  equal(found.map((log) => [log.eventName, log.args.value]), [['Transfer', 11n]], 'logs')
  equal(await client.getFilterChanges({ filter: logs }), [], 'each log once')
  equal(await client.getFilterChanges({ filter: blocks }), [blockHash], 'blocks')
  equal(await client.getFilterChanges({ filter: transactions }), [hash], 'transactions')
  const since = await client.createContractEventFilter({ address: token, abi, eventName: 'Transfer', fromBlock: 0n })
  holds((await client.getFilterLogs({ filter: since })).length >= 4, 'getFilterLogs tells all from fromBlock on')
  equal(await client.uninstallFilter({ filter: logs }), true, 'uninstalled')
  equal(await client.uninstallFilter({ filter: logs }), false, 'not there any more')
  const gone = await failure(() => client.getFilterChanges({ filter: logs }), 'asking a filter that is gone')
  holds(/filter not found/.test(gone.details), 'filter not found', gone.details)
})

for (const [name, watcher] of [['HTTP', client], ['WebSocket', live]]) {
  await promise(`watches blocks, events and pending transactions over ${name}`, async () => {
    const seen = { blocks: [], events: [], hashes: [], errors: [] }
    const onError = (error) => seen.errors.push(error)
    const stop = [
      watcher.watchBlocks({ onBlock: (block) => seen.blocks.push(block), onError, includeTransactions: true }),
      watcher.watchContractEvent({
        address: token,
        abi,
        eventName: 'Transfer',
        args: { to: dave.address },
        onLogs: (logs) => seen.events.push(...logs),
        onError,
      }),
      watcher.watchPendingTransactions({ onTransactions: (hashes) => seen.hashes.push(...hashes), onError }),
    ]
    await new Promise((done) => setTimeout(done, 600))
    const other = await receiptOf(await write(wallet, 'transfer', [carol.address, 5n]))
    const hash = await write(wallet, 'transfer', [dave.address, 12n])
    const receipt = await receiptOf(hash)
    await until(
      () => seen.errors.length || (seen.blocks.some((block) => block.hash === receipt.blockHash) && seen.events.length
        && seen.hashes.includes(hash)),
      'the watchers are told of block, event and hash',
    )
    equal(seen.errors, [], 'errors')
    equal(seen.events.map((log) => [log.eventName, log.args.value]), [['Transfer', 12n]], 'events')
    const block = seen.blocks.find((block) => block.hash === receipt.blockHash)
    equal(block.number, receipt.blockNumber, 'number of the block')
    holds(seen.hashes.includes(other.transactionHash), 'every hash is told', seen.hashes)
    stop.forEach((end) => end())
  })
}

await promise('answers over WebSocket what it answers over HTTP', async () => {
  equal(await live.getChainId(), 31337, 'chain id')
  equal(await live.getBlock({ blockNumber: 1n }), await client.getBlock({ blockNumber: 1n }), 'block 1')
  const payer = createWalletClient({ account: dave, chain: foundry, transport: webSocket(florin.ws) })
  const hash = await payer.sendTransaction({ to: stranger().address, value: 1n })
  equal((await live.waitForTransactionReceipt({ hash })).status, 'success', 'sent over WebSocket')
})

const tooMuch = () => [alice.address, 10n ** 30n]
const isTooMuch = async (error, what) => {
  const { errorName, args } = revertOf(error)
  equal(errorName, 'ERC20InsufficientBalance', what)
  equal(args, [bob.address, await read('balanceOf', [bob.address]), 10n ** 30n], `${what}: arguments`)
}
await promise("decodes the contract's errors from calls", async () => {
  const call = { address: token, abi, functionName: 'transfer', args: tooMuch(), account: bob }
  await isTooMuch(await failure(() => client.simulateContract(call), 'simulateContract'), 'simulateContract')
  await isTooMuch(await failure(() => client.readContract(call), 'readContract'), 'readContract')
})
await promise("decodes the contract's errors from estimates", async () => {
  const call = { address: token, abi, functionName: 'transfer', args: tooMuch(), account: bob }
  await isTooMuch(await failure(() => client.estimateContractGas(call), 'estimateContractGas'), 'estimateContractGas')
  await isTooMuch(await failure(() => write(bobs, 'transfer', tooMuch()), 'writeContract'), 'writeContract')
})

await promise('keeps a transaction that reverts: status, gas, no events', async () => {
  const before = await read('balanceOf', [bob.address])
  const receipt = await receiptOf(await write(bobs, 'transfer', tooMuch(), { gas: 200_000n }))
  equal(receipt.status, 'reverted', 'status')
  equal(receipt.logs, [], 'logs')
  holds(receipt.gasUsed > 21000n && receipt.gasUsed < 200_000n, 'part of the gas is used', receipt.gasUsed)
  equal(await read('balanceOf', [bob.address]), before, "bob's tokens")
})

await promise('lets a transaction wait for an earlier nonce', async () => {
  const to = stranger().address
  const nonce = await client.getTransactionCount({ address: carol.address })
  const second = await carols.sendTransaction({ to, value: 2n, nonce: nonce + 1, gas: 21000n })
  const waiting = await client.getTransaction({ hash: second })
  equal([waiting.blockHash, waiting.blockNumber, waiting.transactionIndex], [null, null, null], 'where it is')
  equal([waiting.from, waiting.nonce], [carol.address.toLowerCase(), nonce + 1], 'whose it is')
  const none = await failure(() => client.getTransactionReceipt({ hash: second }), 'its receipt')
  isA(none, TransactionReceiptNotFoundError)
  const pending = { address: carol.address, blockTag: 'pending' }
  equal(await client.getTransactionCount(pending), nonce, 'a gap does not count')
  const first = await carols.sendTransaction({ to, value: 1n, nonce, gas: 21000n })
  const [one, two] = [await receiptOf(first), await receiptOf(second)]
  holds(one.blockNumber < two.blockNumber || one.transactionIndex < two.transactionIndex, 'in order', [one, two])
  equal(await client.getBalance({ address: to }), 3n, 'both arrived')
  equal(await client.getTransactionCount({ address: carol.address }), nonce + 2, 'nonce')
})

await promise('tells of a waiting transaction once, when nothing is missing before it', async () => {
  const [to, hashes] = [stranger().address, []]
  const stop = live.watchPendingTransactions({ onTransactions: (found) => hashes.push(...found) })
  await new Promise((done) => setTimeout(done, 300))
  const nonce = await client.getTransactionCount({ address: carol.address })
  const second = await carols.sendTransaction({ to, value: 2n, nonce: nonce + 1, gas: 21000n })
  await new Promise((done) => setTimeout(done, 200))
  const early = [...hashes]
  const first = await carols.sendTransaction({ to, value: 1n, nonce, gas: 21000n })
  await receiptOf(second)
  await until(() => hashes.includes(first) && hashes.includes(second), 'both are told')
  await new Promise((done) => setTimeout(done, 300))
  stop()
  equal(hashes.filter((hash) => hash === second).length, 1, 'how often the second is told')
  equal(early, [], 'what is told while the first is missing')
})

await promise('replaces a waiting transaction by one that pays more', async () => {
  const [former, latter] = [stranger().address, stranger().address]
  const nonce = await client.getTransactionCount({ address: carol.address })
  const fees = (factor) => ({ maxFeePerGas: parseGwei('2') * factor, maxPriorityFeePerGas: parseGwei('1') * factor })
  const parked = { value: 3n, nonce: nonce + 1, gas: 21000n }
  const old = await carols.sendTransaction({ ...parked, to: former, ...fees(1n) })
  let replacement
  const onReplaced = (found) => (replacement = found)
  const outcome = client.waitForTransactionReceipt({ hash: old, onReplaced }).catch((error) => error)
  const cheap = () => carols.sendTransaction({ ...parked, to: latter, ...fees(1n) })
  const refused = await failure(cheap, 'a replacement that pays the same')
  holds(/replacement transaction underpriced/.test(refused.details), 'replacement transaction underpriced', refused)
  const again = await failure(() => carols.sendTransaction({ ...parked, to: former, ...fees(1n) }), 'the same again')
  holds(/already known/.test(again.details), 'already known', again)
  await new Promise((done) => setTimeout(done, 200))
  const better = await carols.sendTransaction({ ...parked, to: latter, ...fees(2n) })
  const lost = await failure(() => client.getTransaction({ hash: old }), 'the replaced transaction')
  isA(lost, TransactionNotFoundError)
  await receiptOf(await carols.sendTransaction({ to: zeroAddress, nonce, gas: 21000n }))
  equal((await receiptOf(better)).status, 'success', 'the replacement')
  const found = await outcome
  equal(found.transactionHash ?? found, better, 'who waits for the former is told of the replacement')
  equal(replacement?.reason, 'replaced', 'reason')
  equal(await client.getBalance({ address: former }), 0n, 'the former did not happen')
  equal(await client.getBalance({ address: latter }), 3n, 'the replacement did')
})

await promise('refuses with errors that viem has types for', async () => {
  const to = stranger().address
  const send = (more) => () => wallet.sendTransaction({ to, value: 1n, gas: 21000n, ...more })
  isA(await failure(send({ nonce: 0 }), 'a used nonce'), NonceTooLowError)
  isA(await failure(send({ value: parseEther('1000000') }), 'more than there is'), InsufficientFundsError)
  isA(await failure(send({ gas: 20000n }), 'too little gas'), IntrinsicGasTooLowError)
  isA(await failure(send({ maxFeePerGas: 1n, maxPriorityFeePerGas: 0n }), 'too low a fee'), FeeCapTooLowError)
  const poor = stranger()
  const estimate = () => client.estimateGas({ account: poor.address, to, value: 1n })
  isA(await failure(estimate, 'an estimate for somebody without funds'), InsufficientFundsError)
  const call = () => client.call({ account: poor.address, to, value: 1n })
  isA(await failure(call, 'a call of somebody without funds'), InsufficientFundsError)
})

await promise('refuses to simulate a payment that nobody can make', async () => {
  const calls = [{ account: stranger(), to: bob.address, value: 1n }]
  const error = await failure(() => client.simulateBlocks({ blocks: [{ calls }] }), 'simulateBlocks')
  isA(error, InsufficientFundsError)
})

await promise('says by the codes of execution-apis why a call cannot be in a simulated block', async () => {
  const fees = { maxFeePerGas: parseGwei('2'), maxPriorityFeePerGas: 0n }
  const codeOf = async (call, what) => {
    const simulate = () => client.simulateBlocks({ blocks: [{ calls: [call] }], validation: true })
    const error = await failure(simulate, what)
    return error.walk((e) => typeof e.code === 'number')?.code
  }
  const call = { account: alice, to: bob.address, ...fees }
  equal(await codeOf({ ...call, nonce: 0 }, 'a used nonce'), -38010, 'nonce too low')
  equal(await codeOf({ ...call, nonce: 9999 }, 'a later nonce'), -38011, 'nonce too high')
  equal(await codeOf({ ...call, gas: 20000n }, 'too little gas'), -38013, 'intrinsic gas too low')
  equal(await codeOf({ ...call, account: stranger(), value: 1n }, 'no funds'), -38014, 'insufficient funds')
  equal(await codeOf({ ...call, maxFeePerGas: 1n }, 'too low a fee'), -38012, 'fee too low')
})

await promise('says what is not there', async () => {
  const hash = keccak256('0x1234')
  isA(await failure(() => client.getTransaction({ hash }), 'a transaction'), TransactionNotFoundError)
  isA(await failure(() => client.getTransactionReceipt({ hash }), 'a receipt'), TransactionReceiptNotFoundError)
  isA(await failure(() => client.getBlock({ blockHash: hash }), 'a block by hash'), BlockNotFoundError)
  isA(await failure(() => client.getBlock({ blockNumber: 10n ** 9n }), 'a block by number'), BlockNotFoundError)
  const balance = () => client.getBalance({ address: bob.address, blockNumber: 10n ** 9n })
  holds((await failure(balance, 'a balance in the future')) instanceof BaseError, 'an error of the node')
})

await promise('reads the past by number and by hash', async () => {
  const before = { blockNumber: paid.blockNumber - 1n }
  equal(await read('balanceOf', [bob.address], before), 0n, 'before the payment')
  equal(await read('balanceOf', [bob.address], { blockNumber: paid.blockNumber }), 250_000_000n, 'after it')
  equal(await read('balanceOf', [bob.address], { blockHash: paid.blockHash }), 250_000_000n, 'by hash')
  const { hash, number } = await client.getBlock({ blockNumber: paid.blockNumber - 1n })
  equal(await read('balanceOf', [bob.address], { blockHash: hash, requireCanonical: true }), 0n, 'by hash, before')
  const then = await client.getBalance({ address: alice.address, blockNumber: number })
  const after = await client.getBalance({ address: alice.address, blockNumber: paid.blockNumber })
  equal(then - after, paid.gasUsed * paid.effectiveGasPrice, 'the fee')
  equal(await client.getBalance({ address: alice.address, blockHash: paid.blockHash }), after, 'by hash')
  equal(await client.getBalance({ address: alice.address, blockTag: 'earliest' }), parseEther('10000'), 'genesis')
  const nonceThen = await client.getTransactionCount({ address: alice.address, blockNumber: number })
  equal(await client.getTransactionCount({ address: alice.address, blockNumber: number + 1n }), nonceThen + 1, 'nonce')
  equal(await client.getCode({ address: token, blockTag: 'earliest' }), undefined, 'no contract at genesis')
  for (const blockTag of ['safe', 'finalized', 'pending'])
    equal(await client.getBalance({ address: bob.address, blockTag }), await client.getBalance(bob), blockTag)
})

await promise('shows blocks and their transactions', async () => {
  const block = await client.getBlock({ blockHash: paid.blockHash, includeTransactions: true })
  equal(block.number, paid.blockNumber, 'number')
  equal(block.gasUsed, paid.gasUsed, 'gas used')
  equal(block.transactions.map(({ hash }) => hash), [paid.transactionHash], 'transactions')
  const sent = await client.getTransaction({ hash: paid.transactionHash })
  equal(block.transactions[0], sent, 'the same as by its hash')
  equal(await client.getTransaction({ blockNumber: paid.blockNumber, index: 0 }), sent, 'the same as by its place')
  equal([sent.chainId, sent.from, sent.to, sent.value], [31337, alice.address.toLowerCase(), token, 0n])
  equal(sent.input, encodeFunctionData({ abi, functionName: 'transfer', args: [bob.address, 250_000_000n] }), 'input')
  const hashes = await client.getBlock({ blockNumber: paid.blockNumber })
  equal(hashes.transactions, [paid.transactionHash], 'hashes')
  const parent = await client.getBlock({ blockNumber: paid.blockNumber - 1n })
  equal(block.parentHash, parent.hash, 'parent')
  equal(await client.getBlockTransactionCount({ blockHash: paid.blockHash }), 1, 'count')
  const receipts = await client.getBlockReceipts({ blockHash: paid.blockHash })
  equal(receipts, [await client.getTransactionReceipt({ hash: paid.transactionHash })], 'receipts of the block')
  const confirmations = await client.getTransactionConfirmations({ hash: paid.transactionHash })
  equal(confirmations, (await client.getBlockNumber()) - paid.blockNumber + 1n, 'confirmations')
})

await promise('shows the bytes of transactions (getRawTransaction)', async () => {
  equal(keccak256(await client.getRawTransaction({ hash: paid.transactionHash })), paid.transactionHash)
})

await promise('simulates over a supposed state', async () => {
  const poor = stranger().address
  const to = stranger().address
  const stateOverride = [{ address: poor, balance: parseEther('5') }]
  await client.call({ account: poor, to, value: parseEther('3'), stateOverride })
  equal(await client.estimateGas({ account: poor, to, value: parseEther('3'), stateOverride }), 21000n, 'estimate')
  const error = await failure(() => client.call({ account: poor, to, value: parseEther('3') }), 'without')
  isA(error, CallExecutionError)
  const code = await client.getCode({ address: token })
  const elsewhere = stranger().address
  const copy = { address: elsewhere, abi, functionName: 'totalSupply', stateOverride: [{ address: elsewhere, code }] }
  equal(await client.readContract(copy), 0n, 'code where there is none')
  equal(await client.getCode({ address: elsewhere }), undefined, 'it was only supposed')
  equal(await read('totalSupply', [], { blockOverrides: { time: 1n } }), supply, 'a supposed block')
})

await promise('simulates blocks (eth_simulateV1)', async () => {
  const poor = stranger().address
  const rich = stranger().address
  const head = await client.getBlockNumber()
  const [one, two] = await client.simulateBlocks({
    traceTransfers: true,
    blocks: [
      {
        stateOverrides: [{ address: poor, balance: parseEther('10') }],
        calls: [
          { account: poor, to: rich, value: parseEther('4') },
          { account: alice, to: token, abi, functionName: 'transfer', args: [rich, 9n] },
        ],
      },
      {
        blockOverrides: { time: (await client.getBlock()).timestamp + 100_000n },
        calls: [
          { account: rich, to: poor, value: parseEther('3') },
          { to: token, abi, functionName: 'balanceOf', args: [rich] },
          { account: bob, to: token, abi, functionName: 'transfer', args: tooMuch() },
        ],
      },
    ],
  })
  equal([one.number, two.number], [head + 1n, head + 2n], 'numbers')
  equal(two.parentHash, one.hash, 'they follow each other')
  equal(one.calls.map(({ status, result }) => [status, result]), [['success', null], ['success', true]], 'first block')
  equal(one.calls[0].gasUsed, 21000n, 'gas of a payment')
  const native = '0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
  equal(one.calls[0].logs.map(({ address }) => address), [native], 'the transfer of value is traced')
  const [event] = parseEventLogs({ abi, logs: one.calls[1].logs })
  equal(event.args, { from: alice.address, to: rich, value: 9n }, 'event')
  equal(two.calls.map(({ status }) => status), ['success', 'success', 'failure'], 'second block')
  equal(two.calls[1].result, 9n, 'it sees the first')
  equal(revertOf(two.calls[2].error).errorName, 'ERC20InsufficientBalance', 'the error of the third')
  equal(await client.getBlockNumber(), head, 'nothing happened')
})

await promise('shows a simulated block as any other', async () => {
  const calls = [{ account: bob, to: token, abi, functionName: 'transfer', args: tooMuch() }]
  const [block] = await client.simulateBlocks({ blocks: [{ calls }] })
  const shown = await client.getBlock()
  const missing = Object.keys(shown).filter((field) => shown[field] !== undefined && block[field] === undefined)
  equal(missing, [], 'what is missing of it')
})

await promise('simulates calls (simulateCalls)', async () => {
  const { results } = await client.simulateCalls({
    account: bob.address,
    calls: [
      { to: stranger().address, value: parseEther('1') },
      { to: token, abi, functionName: 'approve', args: [dave.address, 77n] },
      { to: token, abi, functionName: 'allowance', args: [bob.address, dave.address] },
      { to: token, abi, functionName: 'transfer', args: tooMuch() },
    ],
  })
  equal(results.map(({ status }) => status), ['success', 'success', 'success', 'failure'])
  equal(results[2].result, 77n, 'a call sees those before it')
  equal(revertOf(results[3].error).errorName, 'ERC20InsufficientBalance')
})

await promise('sends many requests in one batch', async () => {
  const batched = createPublicClient({ chain: foundry, transport: http(florin.http, { batch: true }) })
  const asked = await Promise.all([
    batched.getChainId(),
    batched.getBalance({ address: erin.address }),
    batched.readContract({ address: token, abi, functionName: 'symbol' }),
    batched.getTransaction({ hash: keccak256('0x12') }).catch((error) => error.name),
    batched.getBlock({ blockNumber: 1n }).then(({ number }) => number),
  ])
  equal(asked, [31337, parseEther('10000'), 'FUSD', 'TransactionNotFoundError', 1n])
})

await promise('goes on without multicall where the chain has none', async () => {
  const several = createPublicClient({ chain: foundry, transport, batch: { multicall: true } })
  const asked = ['name', 'symbol', 'totalSupply'].map((functionName) =>
    several.readContract({ address: token, abi, functionName }),
  )
  equal(await Promise.all(asked), ['Florin Dollar', 'FUSD', supply])
  const contracts = [{ address: token, abi, functionName: 'name' }]
  isA(await failure(() => client.multicall({ contracts }), 'an explicit multicall'), ChainDoesNotSupportContract)
})
const account = florin.beside('florin-account')
const makeAccount = async (owner) => {
  const hash = await wallet.deployContract({ ...account, args: [owner.address] })
  return (await receiptOf(hash)).contractAddress
}
const message = 'Pay the baker.'
const payment = {
  domain: { name: 'Florin', version: '1', chainId: 31337 },
  types: { Payment: [{ name: 'to', type: 'address' }, { name: 'value', type: 'uint256' }] },
  primaryType: 'Payment',
  message: { to: carol.address, value: 5n },
}
/** What viem says of a signature of `message`, which is a plain call to the node. */
const verify = (address, signature, more = {}) => client.verifyMessage({ address, message, signature, ...more })

let contract
await promise('verifies messages that a contract signed (verifyMessage, ERC-1271)', async () => {
  contract = await makeAccount(bob)
  const signature = await bob.signMessage({ message })
  equal(await verify(contract, signature), true, 'by its owner')
  equal(await verify(contract, await carol.signMessage({ message })), false, 'by somebody else')
  equal(await verify(contract, signature, { message: 'Pay the miller.' }), false, 'another message')
  equal(await verify(token, signature), false, 'a contract that signs nothing')
  const hash = hashMessage(message)
  equal(await client.verifyHash({ address: contract, hash, signature }), true, 'verifyHash')
  const { number } = await client.getBlock()
  equal(await verify(contract, signature, { blockNumber: number }), true, 'at a block')
  equal(await verify(contract, signature, { blockNumber: number - 1n }), false, 'before it was there')
})

await promise('verifies typed data that a contract signed (verifyTypedData)', async () => {
  const signature = await bob.signTypedData(payment)
  equal(await client.verifyTypedData({ address: contract, ...payment, signature }), true, 'by its owner')
  const wrong = await carol.signTypedData(payment)
  equal(await client.verifyTypedData({ address: contract, ...payment, signature: wrong }), false, 'by somebody else')
  const other = { ...payment, message: { ...payment.message, value: 6n } }
  equal(await client.verifyTypedData({ address: contract, ...other, signature }), false, 'other data')
})

await promise('refuses signatures that are none', async () => {
  const signature = await bob.signMessage({ message })
  const none = ['0x', '0x00', '0x1234', signature.slice(0, -2), `${signature}00`, `0x${'ff'.repeat(65)}`]
  const magic = '6492'.repeat(16)
  const wrapped = [`0x${magic}`, `0x${'ff'.repeat(96)}${magic}`, `${signature}${magic}`]
  for (const bad of [...none, ...wrapped])
    for (const address of [contract, bob.address, stranger().address]) equal(await verify(address, bad), false, bad)
})

await promise('answers itself for those who sign with a key', async () => {
  const signature = await bob.signMessage({ message })
  equal(await verify(bob.address, signature), true, 'bob')
  equal(await verify(carol.address, signature), false, 'carol')
  equal(await verify(zeroAddress, signature), false, 'the zero address')
  // viem recovers the signer itself if a node says no: so what the node says is asked for, too.
  const asked = async (address, bytes) => {
    const args = [address, hashMessage(message), bytes]
    const validator = { abi: erc6492SignatureValidatorAbi, bytecode: erc6492SignatureValidatorByteCode }
    const data = encodeDeployData({ ...validator, args })
    return client.request({ method: 'eth_call', params: [{ data }, 'latest'] })
  }
  equal(await asked(bob.address, signature), '0x01', 'bob, by the node')
  equal(await asked(carol.address, signature), '0x00', 'carol, by the node')
  equal(await asked(contract, signature), '0x01', 'a contract, by the node')
  equal(await asked(zeroAddress, signature), '0x00', 'the zero address, by the node')
  const broken = `${erc6492SignatureValidatorByteCode}1234`
  const params = [{ data: broken }, 'latest']
  await failure(() => client.request({ method: 'eth_call', params }), 'a validator without arguments')
})

await promise('verifies messages of contracts that are not there yet (ERC-6492)', async () => {
  const signature = await dave.signMessage({ message })
  const code = keccak256(await client.getCode({ address: contract }))
  const make = { abi: account.abi, functionName: 'make', args: [code, dave.address, keccak256('0x5a17')] }
  const { result: address } = await client.simulateContract({ address: contract, ...make })
  const factory = { factory: contract, factoryData: encodeFunctionData(make) }
  equal(await verify(address, signature), false, 'not wrapped')
  equal(await verify(address, signature, factory), true, 'wrapped')
  const wrapped = serializeErc6492Signature({ address: contract, data: factory.factoryData, signature })
  equal(await verify(address, wrapped), true, 'wrapped before')
  const wrong = await carol.signMessage({ message })
  equal(await verify(address, wrong, factory), false, 'of somebody else')
  equal(await verify(stranger().address, signature, factory), false, 'of a contract that the call does not make')
  const failing = { factory: contract, factoryData: '0x12345678' }
  equal(await verify(address, signature, failing), false, 'a factory that fails')
  equal(await client.getCode({ address }), undefined, 'nothing happened')
  await receiptOf(await wallet.writeContract({ address: contract, ...make }))
  equal(await verify(address, signature, factory), true, 'when it is there, and cannot be made again')
  equal(await verify(address, signature), true, 'when it is there')

  // Its owner gave it to erin, but nobody said so on the ledger.
  const args = [erin.address, await dave.sign({ hash: keccak256(erin.address) })]
  const handOver = encodeFunctionData({ abi: account.abi, functionName: 'handOver', args })
  const ready = { factory: address, factoryData: handOver }
  const erins = await erin.signMessage({ message })
  equal(await verify(address, erins), false, 'before the call that makes it ready')
  equal(await verify(address, erins, ready), true, 'after it')
  equal(await verify(address, wrong, ready), false, 'of somebody else, after it')
})

skip('multicall with deployless: true', 'its helper is EVM bytecode, which is not executed here')
skip('simulateCalls with traceAssetChanges', 'its helper is EVM bytecode, which is not executed here')

await promise('answers with the receipt at once (eth_sendRawTransactionSync)', async () => {
  const to = stranger().address
  const request = await wallet.prepareTransactionRequest({ to, value: 5n })
  const serializedTransaction = await wallet.signTransaction(request)
  const receipt = await wallet.sendRawTransactionSync({ serializedTransaction, timeout: 5_000 })
  equal([receipt.status, receipt.transactionHash], ['success', keccak256(serializedTransaction)])
  const sent = await wallet.sendTransactionSync({ to, value: 6n })
  equal([sent.status, sent.gasUsed], ['success', 21000n], 'sendTransactionSync')
  const written = await wallet.writeContractSync({ address: token, abi, functionName: 'transfer', args: [to, 8n] })
  equal(parseEventLogs({ abi, logs: written.logs })[0].args.value, 8n, 'writeContractSync')
  equal(await client.getBalance({ address: to }), 11n, 'what arrived')
  const failing = { address: token, abi, functionName: 'transfer', args: tooMuch(), gas: 200_000n }
  const reverted = await failure(() => bobs.writeContractSync({ ...failing, throwOnReceiptRevert: true }), 'a revert')
  equal(reverted.walk((e) => e.name === 'TransactionReceiptRevertedError')?.name, 'TransactionReceiptRevertedError')
  const nonce = (await client.getTransactionCount({ address: dave.address })) + 5
  const daves = createWalletClient({ account: dave, chain: foundry, transport })
  const gap = await failure(() => daves.sendTransactionSync({ to, value: 1n, nonce, gas: 21000n }), 'a nonce gap')
  const coded = gap.walk((e) => typeof e.code === 'number')
  equal(coded?.code, 6, 'the code of EIP-7966 for a nonce gap')
})

await promise('traces calls (callTracer)', async () => {
  const params = [paid.transactionHash, { tracer: 'callTracer', tracerConfig: { withLog: true } }]
  const root = await client.request({ method: 'debug_traceTransaction', params })
  equal([root.type, root.from, root.to], ['CALL', alice.address.toLowerCase(), token], 'root')
  equal(BigInt(root.gasUsed), paid.gasUsed, 'gas used')
  equal(root.logs.map(({ address, topics }) => [address, topics]), [[token, paid.logs[0].topics]], 'logs')
  const input = encodeFunctionData({ abi, functionName: 'transfer', args: tooMuch() })
  const call = { from: bob.address, to: token, input }
  const failed = await client.request({ method: 'debug_traceCall', params: [call, 'latest', { tracer: 'callTracer' }] })
  equal(failed.error, 'execution reverted', 'a call that fails')
})

await promise('makes access lists', async () => {
  const data = encodeFunctionData({ abi, functionName: 'transfer', args: [bob.address, 1n] })
  const { accessList, gasUsed } = await client.createAccessList({ account: alice, to: token, data })
  equal(accessList, [])
  holds(gasUsed > 21000n, 'gas used', gasUsed)
})

await promise('says that there are no proofs', async () => {
  const error = await failure(() => client.getProof({ address: token, storageKeys: [] }), 'getProof')
  const coded = error.walk((e) => typeof e.code === 'number')
  equal(coded?.code, -32004, 'the code of EIP-1474 for what is not supported')
})

finish()
