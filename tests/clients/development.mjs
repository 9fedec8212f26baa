// What tests of contracts and applications may rely on: the accounts that a node for development signs for, and
// viem's test client in mode anvil. Unmodified viem and ethers, their ordinary calls.
import { JsonRpcProvider, verifyMessage as recoverMessage, verifyTypedData as recoverTypedData } from 'ethers'
import {
  BaseError,
  ContractFunctionRevertedError,
  InsufficientFundsError,
  TransactionNotFoundError,
  createPublicClient,
  createTestClient,
  createWalletClient,
  formatTransactionRequest,
  http,
  parseEther,
  parseGwei,
  parseSignature,
} from 'viem'
import { generatePrivateKey, mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'
import * as florin from './promises.mjs'

const { artefact, equal, failure, finish, holds, promise, skip, until } = florin
const { abi, bytecode } = artefact
const transport = http(florin.http)
const client = createPublicClient({ chain: foundry, transport, pollingInterval: 50, cacheTime: 0 })
const test = createTestClient({ chain: foundry, mode: 'anvil', transport })
const wallet = createWalletClient({ chain: foundry, transport, pollingInterval: 50 })
const [alice, bob, carol, dave] = [0, 1, 2, 3].map(
  (addressIndex) => mnemonicToAccount(florin.phrase, { addressIndex }).address,
)
const stranger = () => privateKeyToAccount(generatePrivateKey()).address
const receiptOf = (hash) => client.waitForTransactionReceipt({ hash })
const supply = 1_000_000_000_000n
const deployment = () => ({ abi, bytecode, args: ['Florin Dollar', 'FUSD', 6, alice, supply] })
let token

const read = (functionName, args = []) => client.readContract({ address: token, abi, functionName, args })
const write = (account, functionName, args, more = {}) =>
  wallet.writeContract({ account, address: token, abi, functionName, args, ...more })

await promise('names its accounts', async () => {
  const accounts = await wallet.getAddresses()
  equal(accounts.length, 10)
  equal(accounts.slice(0, 4), [alice, bob, carol, dave])
})

await promise('signs and sends for its accounts (eth_sendTransaction)', async () => {
  const to = stranger()
  const receipt = await receiptOf(await wallet.sendTransaction({ account: alice, to, value: parseEther('1') }))
  equal([receipt.status, receipt.gasUsed, receipt.type], ['success', 21000n, 'eip1559'])
  equal(await client.getBalance({ address: to }), parseEther('1'), 'what arrived')
  const refused = await failure(() => wallet.sendTransaction({ account: to, to: bob, value: 1n }), 'somebody else')
  holds(refused instanceof BaseError, 'the node has no key of others', refused)
  const much = () => wallet.sendTransaction({ account: alice, to, value: parseEther('1000000') })
  const error = await failure(much, 'more than there is')
  holds(error.walk((e) => e instanceof InsufficientFundsError), 'InsufficientFundsError', error)
})

await promise('deploys and calls for its accounts', async () => {
  const receipt = await receiptOf(await wallet.deployContract({ account: alice, ...deployment() }))
  token = receipt.contractAddress
  equal(await read('totalSupply'), supply)
  await receiptOf(await write(alice, 'transfer', [bob, 500n]))
  equal(await read('balanceOf', [bob]), 500n)
  const error = await failure(() => write(bob, 'transfer', [alice, 501n]), 'more than there is')
  const revert = error.walk((e) => e instanceof ContractFunctionRevertedError)
  equal(revert?.data?.errorName, 'ERC20InsufficientBalance', 'its error')
  const reverted = await receiptOf(await write(bob, 'transfer', [alice, 501n], { gas: 200_000n }))
  equal(reverted.status, 'reverted', 'with a gas limit it is sent')
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
const permit = async () => ({
  domain: { name: 'Florin Dollar', version: '1', chainId: 31337, verifyingContract: token },
  types,
  primaryType: 'Permit',
  message: {
    owner: bob,
    spender: carol,
    value: 100n,
    nonce: await read('nonces', [bob]),
    deadline: (await client.getBlock()).timestamp + 3600n,
  },
})

await promise('signs typed data (eth_signTypedData_v4)', async () => {
  const data = await permit()
  const signature = await wallet.signTypedData({ account: bob, ...data })
  const { r, s, v } = parseSignature(signature)
  const { owner, spender, value, deadline } = data.message
  await receiptOf(await write(carol, 'permit', [owner, spender, value, deadline, Number(v), r, s]))
  equal(await read('allowance', [bob, carol]), 100n)
})

await promise('signs messages (personal_sign) and transactions (eth_signTransaction)', async () => {
  const signature = await wallet.signMessage({ account: bob, message: 'pay me' })
  equal(recoverMessage('pay me', signature), bob)
  const [from, to] = [bob, stranger()]
  const nonce = await client.getTransactionCount({ address: bob })
  const fees = { maxFeePerGas: parseGwei('2'), maxPriorityFeePerGas: 0n }
  const request = formatTransactionRequest({ from, to, value: 9n, gas: 21000n, nonce, type: 'eip1559', ...fees })
  // As execution-apis and geth have it: an object. viem's own signTransaction expects the bytes alone.
  const signed = await client.request({ method: 'eth_signTransaction', params: [request] })
  const { raw: serializedTransaction } = signed
  equal(typeof serializedTransaction, 'string', 'raw, in what eth_signTransaction returns')
  equal((await receiptOf(await wallet.sendRawTransaction({ serializedTransaction }))).status, 'success')
  equal(await client.getBalance({ address: to }), 9n, 'what arrived')
})

await promise('serves the signers of ethers (JsonRpcSigner)', async () => {
  const provider = new JsonRpcProvider(florin.http, undefined, { cacheTimeout: -1 })
  provider.pollingInterval = 50
  const signer = await provider.getSigner(1)
  equal(signer.address, bob)
  const to = stranger()
  const sent = await signer.sendTransaction({ to, value: 5n })
  equal((await sent.wait()).gasUsed, 21000n, 'gas')
  equal(recoverMessage('hello', await signer.signMessage('hello')), bob, 'signMessage')
  equal(recoverMessage('hello', await signer._legacySignMessage('hello')), bob, 'eth_sign')
  const { domain, types: kinds, message } = await permit()
  const signature = await signer.signTypedData(domain, kinds, message)
  equal(recoverTypedData(domain, kinds, message, signature), bob, 'signTypedData')
  equal((await provider.listAccounts()).length, 10, 'listAccounts')
  provider.destroy()
})

await promise('goes back to a snapshot', async () => {
  const to = stranger()
  const [number, nonce] = [await client.getBlockNumber(), await client.getTransactionCount({ address: alice })]
  const id = await test.snapshot()
  await receiptOf(await write(alice, 'transfer', [to, 77n]))
  const later = await test.snapshot()
  const hash = await wallet.sendTransaction({ account: alice, to, value: 1n })
  await receiptOf(hash)
  await test.revert({ id })
  equal(await client.getBlockNumber(), number, 'number of the last block')
  equal(await client.getTransactionCount({ address: alice }), nonce, 'nonce')
  equal([await read('balanceOf', [to]), await client.getBalance({ address: to })], [0n, 0n], 'balances')
  const gone = await failure(() => client.getTransaction({ hash }), 'a transaction of the future')
  holds(gone.walk((e) => e instanceof TransactionNotFoundError), 'TransactionNotFoundError', gone)
  equal(await client.request({ method: 'evm_revert', params: [later] }), false, 'a later snapshot is forgotten')
  equal(await client.request({ method: 'evm_revert', params: [id] }), false, 'a snapshot is good once')
  await receiptOf(await write(alice, 'transfer', [to, 78n]))
  equal(await read('balanceOf', [to]), 78n, 'it goes on from there')
})

await promise('goes on telling who polls when it went back', async () => {
  const id = await test.snapshot()
  for (const value of [1n, 2n, 3n]) await receiptOf(await wallet.sendTransaction({ account: alice, to: bob, value }))
  const filter = await client.createBlockFilter()
  const logs = await client.createContractEventFilter({ address: token, abi, eventName: 'Transfer' })
  await test.revert({ id })
  const { blockHash } = await receiptOf(await write(alice, 'transfer', [bob, 1n]))
  equal((await client.getFilterChanges({ filter: logs })).length, 1, 'logs since then')
  const told = await client.getFilterChanges({ filter })
  equal(told.slice(-1), [blockHash], 'blocks since then')
})

await promise('makes blocks on demand', async () => {
  const number = await client.getBlockNumber()
  await test.mine({ blocks: 3 })
  equal(await client.getBlockNumber(), number + 3n, 'three blocks')
  await test.mine({ blocks: 2, interval: 60 })
  const [one, two] = [await client.getBlock({ blockNumber: number + 4n }), await client.getBlock()]
  equal(two.timestamp - one.timestamp, 60n, 'a minute apart')
  equal(await client.request({ method: 'evm_mine' }), '0x0', 'evm_mine')
  equal(await client.getBlockNumber(), number + 6n, 'and one')
})

await promise('sets the time', async () => {
  const before = (await client.getBlock()).timestamp
  await test.increaseTime({ seconds: 3600 })
  await test.mine({ blocks: 1 })
  const after = (await client.getBlock()).timestamp
  holds(after >= before + 3600n && after < before + 3630n, 'an hour later', after - before)
  await test.setNextBlockTimestamp({ timestamp: after + 500n })
  await receiptOf(await wallet.sendTransaction({ account: alice, to: bob, value: 1n }))
  equal((await client.getBlock()).timestamp, after + 500n, 'the time of the next block')
  await test.setBlockTimestampInterval({ interval: 7 })
  await test.mine({ blocks: 2 })
  equal((await client.getBlock()).timestamp, after + 514n, 'seven seconds apart')
  await test.removeBlockTimestampInterval()
  const past = () => test.setNextBlockTimestamp({ timestamp: 1n })
  holds((await failure(past, 'a time that has passed')) instanceof BaseError, 'time does not go back')
})

await promise('lets time expire a permit', async () => {
  const data = await permit()
  const { r, s, v } = parseSignature(await wallet.signTypedData({ account: bob, ...data }))
  await test.increaseTime({ seconds: 7200 })
  await test.mine({ blocks: 1 })
  const { owner, spender, value, deadline } = data.message
  const late = () => write(carol, 'permit', [owner, spender, value, deadline, Number(v), r, s])
  const error = await failure(late, 'an expired permit')
  const revert = error.walk((e) => e instanceof ContractFunctionRevertedError)
  equal(revert?.data?.errorName, 'ERC2612ExpiredSignature')
})

await promise('sets balances and nonces', async () => {
  const address = stranger()
  await test.setBalance({ address, value: parseEther('3') })
  equal(await client.getBalance({ address }), parseEther('3'), 'balance')
  await test.setBalance({ address, value: 0n })
  equal(await client.getBalance({ address }), 0n, 'none')
  await test.setNonce({ address, nonce: 42 })
  equal(await client.getTransactionCount({ address }), 42, 'nonce')
})

await promise('sets code and storage', async () => {
  const address = stranger()
  const code = await client.getCode({ address: token })
  await test.setCode({ address, bytecode: code })
  equal(await client.getCode({ address }), code, 'code')
  equal(await client.readContract({ address, abi, functionName: 'totalSupply' }), 0n, 'it runs')
  const [index, value] = [`0x${'07'.repeat(32)}`, `0x${'2a'.padStart(64, '0')}`]
  await test.setStorageAt({ address, index, value })
  equal(await client.getStorageAt({ address, slot: index }), value, 'storage')
})

await promise('acts in the name of others (impersonateAccount)', async () => {
  const address = stranger()
  await test.setBalance({ address, value: parseEther('2') })
  await receiptOf(await write(alice, 'transfer', [address, 30n]))
  await test.impersonateAccount({ address })
  const to = stranger()
  const receipt = await receiptOf(await wallet.sendTransaction({ account: address, to, value: parseEther('1') }))
  equal([receipt.status, receipt.from], ['success', address.toLowerCase()])
  const [event] = (await receiptOf(await write(address, 'transfer', [to, 30n]))).logs
  holds(event, 'a call in its name')
  equal(await read('balanceOf', [to]), 30n, 'tokens')
  const shown = await client.getTransaction({ hash: receipt.transactionHash })
  equal(shown.from, address.toLowerCase(), 'from')
  await test.stopImpersonatingAccount({ address })
  await failure(() => wallet.sendTransaction({ account: address, to, value: 1n }), 'when it has stopped')
})

await promise('lets transactions wait for a block (setAutomine)', async () => {
  equal(await test.getAutomine(), true, 'blocks come with transactions')
  await test.setAutomine(false)
  try {
    equal(await test.getAutomine(), false, 'no longer')
    const [to, number] = [stranger(), await client.getBlockNumber()]
    const nonce = await client.getTransactionCount({ address: dave })
    const one = await wallet.sendTransaction({ account: dave, to, value: 1n })
    const two = await wallet.sendTransaction({ account: dave, to, value: 2n })
    equal((await client.getTransaction({ hash: two })).blockNumber, null, 'it waits')
    equal(await client.getTransactionCount({ address: dave, blockTag: 'pending' }), nonce + 2, 'pending nonce')
    equal(await client.getTransactionCount({ address: dave }), nonce, 'nonce')
    equal(await test.getTxpoolStatus(), { pending: 2, queued: 0 }, 'txpool_status')
    const { pending } = await test.getTxpoolContent()
    const ours = Object.entries(pending).find(([sender]) => sender.toLowerCase() === dave.toLowerCase())
    equal(Object.values(ours?.[1] ?? {}).map(({ hash }) => hash), [one, two], 'txpool_content')
    const fees = { maxFeePerGas: parseGwei('9'), maxPriorityFeePerGas: parseGwei('2') }
    const better = await wallet.sendTransaction({ account: dave, to, value: 4n, nonce: nonce + 1, ...fees })
    const dropped = await wallet.sendTransaction({ account: carol, to, value: 8n })
    await test.dropTransaction({ hash: dropped })
    const lost = await failure(() => client.getTransaction({ hash: dropped }), 'a transaction that was dropped')
    holds(lost.walk((e) => e instanceof TransactionNotFoundError), 'TransactionNotFoundError', lost)
    equal(await client.getBalance({ address: to }), 0n, 'nothing happened yet')
    await test.mine({ blocks: 1 })
    equal(await client.getBlockNumber(), number + 1n, 'one block')
    const block = await client.getBlock()
    equal(block.transactions, [one, better], 'both are in it, the second replaced')
    equal(await client.getBalance({ address: to }), 5n, 'what arrived')
    equal(await test.getTxpoolStatus(), { pending: 0, queued: 0 }, 'nothing waits')
  } finally {
    await test.setAutomine(true)
  }
})

await promise('puts several transactions into a block, in order', async () => {
  await test.setAutomine(false)
  try {
    const to = stranger()
    const hashes = []
    for (const value of [1n, 2n, 3n]) hashes.push(await write(alice, 'transfer', [to, value], { gas: 100_000n }))
    await test.mine({ blocks: 1 })
    const { transactions, gasUsed, number } = await client.getBlock()
    equal(transactions, hashes, 'transactions')
    const receipts = await Promise.all(hashes.map(receiptOf))
    equal(receipts.map(({ transactionIndex }) => transactionIndex), [0, 1, 2], 'their places')
    equal(receipts.map(({ logs }) => logs[0].logIndex), [0, 1, 2], 'those of their logs')
    const sums = receipts.map((_, last) => receipts.slice(0, last + 1).reduce((sum, one) => sum + one.gasUsed, 0n))
    equal(receipts.map(({ cumulativeGasUsed }) => cumulativeGasUsed), sums, 'cumulative gas')
    equal(sums[2], gasUsed, 'gas of the block')
    const events = await client.getContractEvents({ address: token, abi, eventName: 'Transfer', fromBlock: number })
    equal(events.map(({ args, logIndex }) => [args.value, logIndex]), [[1n, 0], [2n, 1], [3n, 2]], 'events')
    const traces = await client.request({
      method: 'debug_traceBlockByNumber',
      params: [`0x${number.toString(16)}`, { tracer: 'callTracer' }],
    })
    equal(traces.map(({ txHash }) => txHash), hashes, 'traces')
    equal(traces.map(({ result }) => BigInt(result.gasUsed)), receipts.map(({ gasUsed }) => gasUsed), 'their gas')
  } finally {
    await test.setAutomine(true)
  }
})

await promise('tells who polls of what waits for a block', async () => {
  await test.setAutomine(false)
  try {
    const filter = await client.createPendingTransactionFilter()
    const hash = await wallet.sendTransaction({ account: dave, to: bob, value: 1n })
    const early = await client.getFilterChanges({ filter })
    await test.mine({ blocks: 1 })
    equal([early, await client.getFilterChanges({ filter })], [[hash], []], 'when it is taken, and only then')
  } finally {
    await test.setAutomine(true)
  }
})

await promise('waits for the receipt of what waits for a block (eth_sendRawTransactionSync)', async () => {
  await test.setAutomine(false)
  try {
    const own = mnemonicToAccount(florin.phrase, { addressIndex: 5 })
    const local = createWalletClient({ account: own, chain: foundry, transport, pollingInterval: 50 })
    const sent = local.sendTransactionSync({ to: bob, value: 1n, timeout: 10_000 }).catch((error) => ({ error }))
    await until(async () => (await test.getTxpoolStatus()).pending === 1, 'it waits')
    await test.mine({ blocks: 1 })
    const { status, error: refusal } = await sent
    equal([status, refusal], ['success', undefined], 'it is answered when the block is there')
    const request = await local.prepareTransactionRequest({ to: bob, value: 2n })
    const serializedTransaction = await local.signTransaction(request)
    const late = () => local.sendRawTransactionSync({ serializedTransaction, timeout: 300 })
    const error = await failure(late, 'no block within the timeout')
    const { code, data } = error.walk((e) => e.code === 4) ?? {}
    equal([code, typeof data], [4, 'string'], 'the code and data of EIP-7966')
    await test.mine({ blocks: 1 })
    equal((await receiptOf(data)).status, 'success', 'it was taken')
  } finally {
    await test.setAutomine(true)
  }
})

await promise('takes transactions that nobody signed (sendUnsignedTransaction)', async () => {
  const [from, to] = [stranger(), stranger()]
  await test.setBalance({ address: from, value: parseEther('1') })
  const hash = await test.sendUnsignedTransaction({ from, to, value: 3n })
  equal((await receiptOf(hash)).from, from.toLowerCase(), 'from')
  equal(await client.getBalance({ address: to }), 3n, 'what arrived')
})

await promise('makes blocks at intervals (setIntervalMining)', async () => {
  await test.setIntervalMining({ interval: 1 })
  try {
    const number = await client.getBlockNumber()
    await until(async () => (await client.getBlockNumber()) >= number + 2n, 'two blocks by themselves', 5_000)
  } finally {
    await test.setIntervalMining({ interval: 0 })
    await test.setAutomine(true)
  }
  await receiptOf(await wallet.sendTransaction({ account: alice, to: bob, value: 1n }))
})

await promise('refuses to change the price of gas', async () => {
  const base = () => test.setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('20') })
  holds((await failure(base, 'setNextBlockBaseFeePerGas')) instanceof BaseError, 'an error of the node')
})

await promise('saves and loads the state', async () => {
  const state = await test.dumpState()
  const before = await client.getBalance({ address: bob })
  await receiptOf(await wallet.sendTransaction({ account: alice, to: bob, value: parseEther('1') }))
  await test.loadState({ state })
  equal(await client.getBalance({ address: bob }), before, 'balance')
  equal(await read('totalSupply'), supply, 'the contract')
})

await promise('begins again (reset)', async () => {
  await test.reset()
  equal(await client.getBlockNumber(), 0n, 'number of the last block')
  equal(await client.getCode({ address: token }), undefined, 'no contract')
  equal(await client.getBalance({ address: alice }), parseEther('10000'), 'balance')
  equal((await receiptOf(await wallet.sendTransaction({ account: alice, to: bob, value: 1n }))).blockNumber, 1n)
})

skip('setCoinbase, setBlockGasLimit, setMinGasPrice', 'the genesis of the ledger decides them')
skip('setRpcUrl', 'there is no other node to take a state from')

finish()
