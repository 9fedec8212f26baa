// What a program written with ethers may rely on. Unmodified ethers, its ordinary calls.
import {
  Contract,
  ContractFactory,
  HDNodeWallet,
  JsonRpcProvider,
  Mnemonic,
  NonceManager,
  Signature,
  Wallet,
  WebSocketProvider,
  ZeroAddress,
  ZeroHash,
  isCallException,
  isError,
  keccak256,
  parseEther,
  parseUnits,
  verifyTypedData,
} from 'ethers'
import * as florin from './promises.mjs'

const { artefact, equal, failure, finish, holds, promise, until } = florin
const { abi, bytecode } = artefact
const provider = new JsonRpcProvider(florin.http, undefined, { cacheTimeout: -1 })
provider.pollingInterval = 50
const mnemonic = Mnemonic.fromPhrase(florin.phrase)
const account = (index) => HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${index}`).connect(provider)
const [alice, bob, carol, dave, erin] = [0, 1, 2, 3, 4].map(account)
const stranger = () => Wallet.createRandom(provider)
const supply = 1_000_000_000_000n
const tooMuch = 10n ** 30n
let token

const isCode = (error, code) => holds(isError(error, code), `the error is ${code}`, error)
/** The contract's own error, as ethers decoded it. */
const revertOf = (error) => {
  holds(isCallException(error), 'the error is a CALL_EXCEPTION', error)
  // ethers decodes by itself what a call ends with; of an estimate it hands on the data.
  const revert = error.revert ?? token.interface.parseError(error.data)
  holds(revert, 'the revert can be decoded', error.data)
  return revert
}
const isTooMuch = async (error) => {
  const { name, args } = revertOf(error)
  equal(name, 'ERC20InsufficientBalance')
  equal([...args], [bob.address, await token.balanceOf(bob), tooMuch], 'arguments')
}

await promise('tells the chain id', async () => equal((await provider.getNetwork()).chainId, 31337n))

await promise('tells the balances of the accounts of development', async () => {
  for (const { address } of [alice, bob, carol, dave, erin])
    equal(await provider.getBalance(address), parseEther('10000'), address)
})

await promise('estimates fees', async () => {
  const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData()
  const { baseFeePerGas } = await provider.getBlock('latest')
  equal(gasPrice, baseFeePerGas, 'gas price')
  equal(maxPriorityFeePerGas, 0n, 'tip')
  holds(maxFeePerGas >= baseFeePerGas, 'the estimate covers the base fee', maxFeePerGas)
})

await promise('pays for exactly 21,000 gas', async () => {
  const to = stranger().address
  const before = await provider.getBalance(alice)
  equal(await provider.estimateGas({ from: alice.address, to, value: 1n }), 21000n, 'estimate')
  const sent = await alice.sendTransaction({ to, value: parseEther('1.5') })
  const receipt = await sent.wait()
  equal([receipt.status, receipt.gasUsed, receipt.type], [1, 21000n, 2], 'status, gas, type')
  equal([receipt.from, receipt.to, receipt.hash], [alice.address, to, sent.hash], 'from, to, hash')
  equal(await provider.getBalance(to), parseEther('1.5'), 'what arrived')
  equal(await provider.getBalance(alice), before - parseEther('1.5') - receipt.fee, 'what is left')
})

await promise('takes legacy and EIP-2930 transactions', async () => {
  const to = stranger().address
  for (const type of [0, 1]) {
    const receipt = await (await alice.sendTransaction({ to, value: 1n, type })).wait()
    equal([receipt.type, receipt.status, receipt.gasUsed], [type, 1, 21000n], `type ${type}`)
  }
})

await promise('deploys with constructor arguments', async () => {
  const factory = new ContractFactory(abi, bytecode, alice)
  token = await factory.deploy('Florin Dollar', 'FUSD', 6, alice.address, supply)
  await token.waitForDeployment()
  const receipt = await token.deploymentTransaction().wait()
  equal(receipt.contractAddress, await token.getAddress(), 'the address that ethers computed')
  equal(receipt.to, null, 'to')
  const minted = receipt.logs.map((log) => token.interface.parseLog(log)).find(({ name }) => name === 'Transfer')
  equal([...minted.args], [ZeroAddress, alice.address, supply], 'the first Transfer')
  holds((await token.getDeployedCode()).length > 1000, 'the contract has code')
})

await promise('reads', async () => {
  equal(await token.name(), 'Florin Dollar')
  equal(await token.symbol(), 'FUSD')
  equal(await token.decimals(), 6n)
  equal(await token.totalSupply(), supply)
  equal(await token.balanceOf(alice), supply)
  equal(await token.hasRole(ZeroHash, alice), true, 'alice is the administrator')
  equal(await token.hasRole(ZeroHash, bob), false, 'bob is not')
  const [, name, version, chainId] = await token.eip712Domain()
  equal([name, version, chainId], ['Florin Dollar', '1', 31337n], 'EIP-5267')
})

let paid
await promise('transfers tokens, with the event in the receipt', async () => {
  equal(await token.transfer.staticCall(bob, 250_000_000n), true, 'staticCall')
  const sent = await token.transfer(bob, 250_000_000n)
  paid = await sent.wait()
  equal(paid.logs.length, 1, 'one event')
  const [log] = paid.logs
  equal([log.eventName, ...log.args], ['Transfer', alice.address, bob.address, 250_000_000n], 'event')
  equal(await token.balanceOf(bob), 250_000_000n, "bob's tokens")
  equal(await paid.confirmations(), 1, 'confirmations')
})

await promise('takes a permit that signTypedData signed', async () => {
  const verifyingContract = await token.getAddress()
  const domain = { name: 'Florin Dollar', version: '1', chainId: 31337, verifyingContract }
  const names = { owner: 'address', spender: 'address', value: 'uint256', nonce: 'uint256', deadline: 'uint256' }
  const types = { Permit: Object.entries(names).map(([name, type]) => ({ name, type })) }
  const nonce = await token.nonces(bob)
  const deadline = (await provider.getBlock('latest')).timestamp + 3600
  const message = { owner: bob.address, spender: carol.address, value: 1_000n, nonce, deadline }
  const signed = await bob.signTypedData(domain, types, message)
  equal(verifyTypedData(domain, types, message, signed), bob.address, 'signer')
  const { v, r, s } = Signature.from(signed)
  const permit = token.connect(carol).permit
  const receipt = await (await permit(bob, carol, 1_000n, deadline, v, r, s)).wait()
  equal(receipt.logs.map(({ eventName }) => eventName), ['Approval'], 'event')
  equal(await token.allowance(bob, carol), 1_000n)
  equal(await token.nonces(bob), nonce + 1n)
  const again = await failure(() => permit(bob, carol, 1_000n, deadline, v, r, s), 'the same permit again')
  equal(revertOf(again).name, 'ERC2612InvalidSigner')
})

await promise('finds events by queryFilter and getLogs', async () => {
  const found = await token.queryFilter(token.filters.Transfer(null, bob.address), 0, 'latest')
  equal(found.map(({ args }) => [...args]), [[alice.address, bob.address, 250_000_000n]], 'events')
  const [{ blockHash, transactionHash, index }] = found
  equal([blockHash, transactionHash, index], [paid.blockHash, paid.hash, paid.logs[0].index], 'where it is')
  const all = await token.queryFilter('*', paid.blockNumber, paid.blockNumber)
  equal(all.length, 1, 'all events of a block')
  const logs = await provider.getLogs({ blockHash: paid.blockHash })
  equal(logs.map(({ transactionHash }) => transactionHash), [paid.hash], 'by hash of the block')
})

await promise('is told of events that it polls for', async () => {
  const seen = { blocks: [], events: [] }
  await provider.on('block', (number) => seen.blocks.push(number))
  await token.on('Transfer', (from, to, value, event) => seen.events.push([from, to, value, event.log.transactionHash]))
  await new Promise((done) => setTimeout(done, 300))
  const receipt = await (await token.transfer(dave, 11n)).wait()
  await until(() => seen.events.length && seen.blocks.includes(receipt.blockNumber), 'told of block and event')
  equal(seen.events, [[alice.address, dave.address, 11n, receipt.hash]], 'events')
  await token.off('Transfer')
  await provider.off('block')
})

await promise('is told of events by WebSocket', async () => {
  const live = new WebSocketProvider(florin.ws)
  const seen = { blocks: [], events: [], hashes: [] }
  const there = token.connect(live)
  await live.on('block', (number) => seen.blocks.push(number))
  await live.on('pending', (hash) => seen.hashes.push(hash))
  await there.on(there.filters.Transfer(null, dave.address), ({ args }) => seen.events.push([...args]))
  await new Promise((done) => setTimeout(done, 300))
  await (await token.transfer(carol, 1n)).wait()
  const receipt = await (await token.transfer(dave, 12n)).wait()
  await until(
    () => seen.events.length && seen.blocks.includes(receipt.blockNumber) && seen.hashes.includes(receipt.hash),
    'told of block, event and hash',
  )
  equal(seen.events, [[alice.address, dave.address, 12n]], 'events')
  equal(await live.getBalance(erin.address), parseEther('10000'), 'a read over WebSocket')
  const sent = await dave.connect(live).sendTransaction({ to: stranger().address, value: 1n })
  equal((await sent.wait()).status, 1, 'a payment over WebSocket')
  await live.destroy()
})

await promise("decodes the contract's errors from calls", async () => {
  await isTooMuch(await failure(() => token.connect(bob).transfer.staticCall(alice, tooMuch), 'staticCall'))
})
await promise("decodes the contract's errors from estimates", async () => {
  await isTooMuch(await failure(() => token.connect(bob).transfer.estimateGas(alice, tooMuch), 'estimateGas'))
  await isTooMuch(await failure(() => token.connect(bob).transfer(alice, tooMuch), 'send'))
})

await promise('keeps a transaction that reverts: status, gas, no events', async () => {
  const sent = await token.connect(bob).transfer(alice, tooMuch, { gasLimit: 200_000n })
  const error = await failure(() => sent.wait(), 'wait')
  isCode(error, 'CALL_EXCEPTION')
  equal([error.receipt.status, error.receipt.logs.length], [0, 0], 'status and logs')
  const { gasUsed } = error.receipt
  holds(gasUsed > 21000n && gasUsed < 200_000n, 'part of the gas is used', gasUsed)
})

await promise('lets a transaction wait for an earlier nonce', async () => {
  const to = stranger().address
  const nonce = await carol.getNonce()
  const second = await carol.sendTransaction({ to, value: 2n, nonce: nonce + 1, gasLimit: 21000n })
  const waiting = await provider.getTransaction(second.hash)
  equal([waiting.blockNumber, waiting.blockHash, waiting.nonce], [null, null, nonce + 1], 'it waits')
  equal(await provider.getTransactionReceipt(second.hash), null, 'no receipt')
  equal(await carol.getNonce('pending'), nonce, 'a gap does not count')
  const first = await carol.sendTransaction({ to, value: 1n, nonce, gasLimit: 21000n })
  const [one, two] = [await first.wait(), await second.wait()]
  equal([one.status, two.status], [1, 1], 'both')
  holds(one.blockNumber < two.blockNumber || one.index < two.index, 'in order')
  equal(await provider.getBalance(to), 3n, 'both arrived')
})

await promise('replaces a waiting transaction by one that pays more', async () => {
  const [former, latter] = [stranger().address, stranger().address]
  const nonce = await carol.getNonce()
  const fees = (factor) => ({
    maxFeePerGas: parseUnits('2', 'gwei') * factor,
    maxPriorityFeePerGas: parseUnits('1', 'gwei') * factor,
  })
  const parked = { value: 3n, nonce: nonce + 1, gasLimit: 21000n }
  const old = await carol.sendTransaction({ ...parked, to: former, ...fees(1n) })
  const outcome = old.wait().catch((error) => error)
  const refused = await failure(() => carol.sendTransaction({ ...parked, to: latter, ...fees(1n) }), 'the same fee')
  isCode(refused, 'REPLACEMENT_UNDERPRICED')
  const better = await carol.sendTransaction({ ...parked, to: latter, ...fees(2n) })
  equal(await provider.getTransaction(old.hash), null, 'the former is forgotten')
  await (await carol.sendTransaction({ to: alice.address, nonce, gasLimit: 21000n })).wait()
  equal((await better.wait()).status, 1, 'the replacement')
  const told = await outcome
  isCode(told, 'TRANSACTION_REPLACED')
  equal([told.reason, told.replacement.hash], ['replaced', better.hash], 'who waits is told')
  equal([await provider.getBalance(former), await provider.getBalance(latter)], [0n, 3n], 'what arrived')
})

await promise('sends many in a row (NonceManager)', async () => {
  const manager = new NonceManager(erin)
  const to = stranger().address
  const one = (value) => manager.sendTransaction({ to, value })
  const receipts = await Promise.all([1n, 2n, 3n, 4n].map(async (value) => (await one(value)).wait()))
  equal(receipts.map(({ status }) => status), [1, 1, 1, 1], 'status')
  equal(await provider.getBalance(to), 10n, 'what arrived')
})

await promise('refuses with errors that ethers has codes for', async () => {
  const to = stranger().address
  const send = (more) => () => alice.sendTransaction({ to, value: 1n, gasLimit: 21000n, ...more })
  isCode(await failure(send({ nonce: 0 }), 'a used nonce'), 'NONCE_EXPIRED')
  isCode(await failure(send({ value: parseEther('1000000') }), 'more than there is'), 'INSUFFICIENT_FUNDS')
  const poor = stranger()
  const estimated = () => poor.sendTransaction({ to, value: 1n })
  isCode(await failure(estimated, 'a payment of somebody without funds, estimated first'), 'INSUFFICIENT_FUNDS')
})

await promise('says what is not there', async () => {
  const hash = keccak256('0x1234')
  equal(await provider.getTransaction(hash), null, 'a transaction')
  equal(await provider.getTransactionReceipt(hash), null, 'a receipt')
  equal(await provider.getBlock(hash), null, 'a block by hash')
  equal(await provider.getBlock(10 ** 9), null, 'a block by number')
  const error = await failure(() => provider.getBalance(bob, 10 ** 9), 'a balance in the future')
  equal(error.error?.code, -32000, 'the code of an error of the node')
  const missing = await failure(() => provider.send('eth_notThere', []), 'a method')
  isCode(missing, 'UNSUPPORTED_OPERATION')
})

await promise('reads the past by number and by hash', async () => {
  const block = await provider.getBlock(paid.blockNumber - 1)
  equal(await token.balanceOf(bob, { blockTag: block.number }), 0n, 'before the payment')
  equal(await token.balanceOf(bob, { blockTag: paid.blockNumber }), 250_000_000n, 'after it')
  equal(await token.balanceOf(bob, { blockTag: block.hash }), 0n, 'by hash, before')
  equal(await token.balanceOf(bob, { blockTag: paid.blockHash }), 250_000_000n, 'by hash, after')
  const then = await provider.getBalance(alice, block.number)
  equal(then - (await provider.getBalance(alice, paid.blockNumber)), paid.fee, 'the fee')
  equal(await provider.getBalance(alice, block.hash), then, 'a balance by hash')
  equal(await provider.getBalance(alice, 'earliest'), parseEther('10000'), 'genesis')
  for (const tag of ['safe', 'finalized', 'pending'])
    equal(await provider.getBalance(bob, tag), await provider.getBalance(bob), tag)
})

await promise('shows blocks and their transactions', async () => {
  const block = await provider.getBlock(paid.blockHash, true)
  equal([block.number, block.gasUsed, block.length], [paid.blockNumber, paid.gasUsed, 1], 'number, gas, length')
  const sent = await provider.getTransaction(paid.hash)
  const [inside] = block.prefetchedTransactions
  equal(inside.toJSON(), sent.toJSON(), 'the same as by its hash')
  equal([sent.chainId, sent.from, sent.to], [31337n, alice.address, await token.getAddress()], 'transaction')
  equal(token.interface.parseTransaction(sent).args.toArray(), [bob.address, 250_000_000n], 'its arguments')
  equal((await provider.getBlock(block.number - 1)).hash, block.parentHash, 'parent')
})

await promise('traces calls (callTracer)', async () => {
  const root = await provider.send('debug_traceTransaction', [paid.hash, { tracer: 'callTracer' }])
  equal([root.type, root.from, BigInt(root.gasUsed)], ['CALL', alice.address.toLowerCase(), paid.gasUsed])
})

await promise('answers with the receipt at once (eth_sendRawTransactionSync)', async () => {
  const to = stranger().address
  const signed = await alice.signTransaction(await alice.populateTransaction({ to, value: 5n }))
  const receipt = await provider.send('eth_sendRawTransactionSync', [signed])
  equal([receipt.status, receipt.transactionHash, receipt.gasUsed], ['0x1', keccak256(signed), '0x5208'])
})

await promise('answers batches in order', async () => {
  const options = { staticNetwork: true, batchMaxCount: 100, cacheTimeout: -1 }
  const counting = new JsonRpcProvider(florin.http, 31337, options)
  const payloads = []
  await counting.on('debug', ({ action, payload }) => action === 'sendRpcPayload' && payloads.push(payload))
  const asked = Array.from({ length: 20 }, (_, index) => counting.getBalance(account(index % 5).address, 'earliest'))
  equal(await Promise.all(asked), Array(20).fill(parseEther('10000')))
  holds(payloads.some((payload) => Array.isArray(payload) && payload.length > 1), 'they went as a batch', payloads)
  counting.destroy()
})

finish()
