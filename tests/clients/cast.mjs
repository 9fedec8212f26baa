// What somebody at a terminal may rely on with cast. The unmodified program, its ordinary commands.
import { execFile, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import * as florin from './promises.mjs'

const { artefact, equal, finish, holds, promise, skip, until } = florin
// The program itself: the script that @foundry-rs/cast puts before it exits with 0 when the program fails.
const program = createRequire(import.meta.url).resolve('@foundry-rs/cast-linux-amd64/bin/cast')
const environment = { ...process.env, ETH_RPC_URL: florin.http, NO_COLOR: '1' }
const run = promisify(execFile)

/** What a command prints; its error says what it printed instead. */
const cast = async (...args) => {
  const { stdout } = await run(program, args.map(String), { env: environment, timeout: 20_000 })
  return stdout.trim()
}
const json = async (...args) => JSON.parse(await cast(...args, '--json'))
const refused = async (...args) => {
  try {
    await cast(...args)
  } catch (error) {
    return error.stderr
  }
  equal('success', 'an error', `cast ${args.join(' ')}`)
}
const account = (index) => ['--mnemonic', florin.phrase, '--mnemonic-index', String(index)]
const addressOf = (index) => cast('wallet', 'address', ...account(index))
const keyOf = (index) => cast('wallet', 'private-key', florin.phrase, String(index))
const stranger = async () => (await json('wallet', 'new'))[0]
const integer = (text) => BigInt(text.split(' ')[0])
const [alice, bob, carol, dave] = await Promise.all([0, 1, 2, 3].map(addressOf))
const [aliceKey, bobKey, carolKey] = await Promise.all([0, 1, 2].map(keyOf))
const supply = 1_000_000_000_000n
const tooMuch = (10n ** 30n).toString()
const insufficient = 'ERC20InsufficientBalance(address,uint256,uint256)'
let token

const send = (key, to, ...args) => json('send', '--private-key', key, to, ...args)
const balance = async (who, ...more) => integer(await cast('call', token, 'balanceOf(address)(uint256)', who, ...more))

await promise('cast chain-id, client, block-number, gas-price, base-fee', async () => {
  equal(await cast('chain-id'), '31337')
  holds((await cast('client')).startsWith('Florin/'), 'client version')
  equal(await cast('block-number'), '0')
  equal(await cast('gas-price'), await cast('base-fee'), 'gas price')
})

await promise('cast balance, nonce', async () => {
  equal(await cast('balance', bob, '--ether'), '10000.000000000000000000')
  equal(await cast('nonce', bob), '0')
})

await promise('cast send pays for exactly 21,000 gas', async () => {
  const { address: to } = await stranger()
  equal(await cast('estimate', to, '--value', '1', '--from', alice), '21000', 'estimate')
  const receipt = await send(aliceKey, to, '--value', '1.5ether')
  equal([receipt.status, receipt.gasUsed, receipt.type], ['0x1', '0x5208', '0x2'])
  equal(await cast('balance', to, '--ether'), '1.500000000000000000', 'what arrived')
  const spent = 15n * 10n ** 17n + BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice)
  equal(BigInt(await cast('balance', alice)), 10n ** 22n - spent, 'what is left')
  equal(BigInt(await cast('balance', alice, '--block', '0')), 10n ** 22n, 'before')
  const legacy = await send(aliceKey, to, '--value', '1', '--legacy')
  equal([legacy.status, legacy.type], ['0x1', '0x0'], 'a legacy transaction')
})

let deployed
await promise('cast send --create deploys with constructor arguments', async () => {
  const constructor = 'constructor(string,string,uint8,address,uint256)'
  const args = ['Florin Dollar', 'FUSD', '6', alice, supply.toString()]
  deployed = await json('send', '--private-key', aliceKey, '--create', artefact.bytecode, constructor, ...args)
  equal(deployed.status, '0x1', 'status')
  token = deployed.contractAddress
  const checksummed = await cast('to-check-sum-address', token)
  equal(await cast('compute-address', alice, '--nonce', '2'), `Computed Address: ${checksummed}`)
  holds((await cast('code', token)).length > 2000, 'the contract has code')
  holds(Number(await cast('codesize', token)) > 1000, 'and a size')
})

await promise('cast call reads', async () => {
  equal(await cast('call', token, 'name()(string)'), '"Florin Dollar"')
  equal(await cast('call', token, 'symbol()(string)'), '"FUSD"')
  equal(await cast('call', token, 'decimals()(uint8)'), '6')
  equal(integer(await cast('call', token, 'totalSupply()(uint256)')), supply)
  equal(await cast('call', token, 'hasRole(bytes32,address)(bool)', await cast('hash-zero'), alice), 'true')
  equal(integer(await cast('erc20-token', 'balance', token, alice)), supply, 'cast erc20-token balance')
})

let paid
await promise('cast send transfers tokens, cast receipt shows it', async () => {
  paid = await send(aliceKey, token, 'transfer(address,uint256)', bob, '250000000')
  equal([paid.status, paid.logs.length], ['0x1', 1], 'status, logs')
  equal(await balance(bob), 250_000_000n, "bob's tokens")
  equal(await json('receipt', paid.transactionHash), paid, 'cast receipt')
  equal(BigInt(await cast('receipt', paid.transactionHash, 'gasUsed')), BigInt(paid.gasUsed), 'one field')
  equal(integer(await cast('decode-abi', 'data()(uint256)', paid.logs[0].data)), 250_000_000n, 'decode-abi')
  const estimate = await cast('estimate', token, 'transfer(address,uint256)', bob, '1', '--from', alice)
  holds(BigInt(estimate) > 21000n, 'estimate', estimate)
})

await promise('cast logs finds events', async () => {
  const signature = 'Transfer(address indexed from, address indexed to, uint256 value)'
  const all = await json('logs', '--address', token, '--from-block', '0', signature)
  equal(all.length, 2, 'all')
  const found = await json('logs', '--address', token, '--from-block', '0', signature, alice, bob)
  equal(found.map(({ transactionHash }) => transactionHash), [paid.transactionHash], "alice's to bob")
})

await promise('cast logs --subscribe is told of events by WebSocket', async () => {
  const args = ['logs', '--subscribe', '--rpc-url', florin.ws, '--address', token]
  const child = spawn(program, args, { env: environment })
  let told = ''
  child.stdout.on('data', (data) => (told += data))
  child.stderr.on('data', (data) => (told += data))
  try {
    await new Promise((done) => setTimeout(done, 1_000))
    const { transactionHash } = await send(aliceKey, token, 'transfer(address,uint256)', dave, '11')
    await until(() => told.includes(transactionHash), 'the log is told')
  } finally {
    child.kill('SIGINT')
  }
})

await promise('cast wallet sign signs a permit that the token takes', async () => {
  const deadline = (BigInt(await cast('block', 'latest', '--field', 'timestamp')) + 3600n).toString()
  const field = (name, type) => ({ name, type })
  const data = {
    types: {
      EIP712Domain: [
        field('name', 'string'),
        field('version', 'string'),
        field('chainId', 'uint256'),
        field('verifyingContract', 'address'),
      ],
      Permit: [
        field('owner', 'address'),
        field('spender', 'address'),
        field('value', 'uint256'),
        field('nonce', 'uint256'),
        field('deadline', 'uint256'),
      ],
    },
    primaryType: 'Permit',
    domain: { name: 'Florin Dollar', version: '1', chainId: 31337, verifyingContract: token },
    message: { owner: bob, spender: carol, value: '1000', nonce: '0', deadline },
  }
  const signature = await cast('wallet', 'sign', '--private-key', bobKey, '--data', JSON.stringify(data))
  const [r, s, v] = [signature.slice(0, 66), `0x${signature.slice(66, 130)}`, parseInt(signature.slice(130), 16)]
  const permit = 'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)'
  const args = [permit, bob, carol, '1000', deadline, v, r, s]
  equal((await send(carolKey, token, ...args)).status, '0x1', 'status')
  equal(integer(await cast('call', token, 'allowance(address,address)(uint256)', bob, carol)), 1000n, 'allowance')
  const again = await refused('send', '--private-key', carolKey, token, ...args)
  holds(again.includes(await cast('sig', 'ERC2612InvalidSigner(address,address)')), 'ERC2612InvalidSigner', again)
})

/** The data of a contract's error, as cast shows it. */
const decoded = async (text) => {
  const [data] = /0xe450d38c[0-9a-f]{192}/.exec(text) ?? []
  holds(data, 'the data of the error is shown', text)
  const lines = (await cast('decode-error', '--sig', insufficient, data)).split('\n')
  equal([lines[0], integer(lines[2]).toString()], [bob, tooMuch], 'decode-error')
}
await promise("shows the contract's errors from calls and estimates", async () => {
  const transfer = [token, 'transfer(address,uint256)', alice, tooMuch]
  await decoded(await refused('call', '--from', bob, ...transfer))
  await decoded(await refused('estimate', '--from', bob, ...transfer))
  await decoded(await refused('send', '--private-key', bobKey, ...transfer))
})

await promise('keeps a transaction that reverts', async () => {
  const before = await balance(bob)
  const receipt = await send(bobKey, token, 'transfer(address,uint256)', alice, tooMuch, '--gas-limit', '200000')
  equal([receipt.status, receipt.logs], ['0x0', []], 'status, logs')
  holds(BigInt(receipt.gasUsed) < 200_000n, 'part of the gas is used', receipt.gasUsed)
  equal(await balance(bob), before, "bob's tokens")
})

await promise('lets a transaction wait, and replaces it by one that pays more', async () => {
  const [former, latter] = [(await stranger()).address, (await stranger()).address]
  const nonce = Number(await cast('nonce', carol))
  const park = (to, gwei, more = nonce + 1) => [
    ...['--private-key', carolKey, '--nonce', more, '--gas-limit', '21000', to, '--value', '3', '--async'],
    ...['--gas-price', `${gwei}gwei`, '--priority-gas-price', `${gwei / 2}gwei`],
  ]
  const old = await cast('send', ...park(former, 2))
  const waiting = await json('tx', old)
  equal([waiting.blockHash, Number(waiting.nonce)], [null, nonce + 1], 'it waits')
  equal(JSON.parse(await cast('rpc', 'txpool_status')), { pending: '0x0', queued: '0x1' }, 'txpool_status')
  const same = await refused('send', ...park(latter, 2))
  holds(same.includes('replacement transaction underpriced'), 'replacement transaction underpriced', same)
  const better = await cast('send', ...park(latter, 4))
  equal(await cast('nonce', carol, '--block', 'pending'), String(nonce), 'a gap does not count')
  const first = await cast('send', ...park(dave, 2, nonce))
  equal((await json('receipt', first)).status, '0x1', 'the first')
  equal((await json('receipt', better)).status, '0x1', 'the replacement')
  equal([await cast('balance', former), await cast('balance', latter)], ['0', '3'], 'what arrived')
})

await promise('refuses in the words that clients know', async () => {
  const refusal = (...more) => refused('send', '--private-key', aliceKey, dave, '--gas-limit', '21000', ...more)
  const [low, much] = [await refusal('--nonce', '0'), await refusal('--value', '1000000ether')]
  holds(low.includes('nonce too low'), 'nonce too low', low)
  holds(much.includes('insufficient funds'), 'insufficient funds', much)
  const { address: poor, private_key: key } = await stranger()
  const estimate = await refused('estimate', '--from', poor, dave, '--value', '1')
  holds(estimate.includes('insufficient funds'), 'insufficient funds in an estimate', estimate)
  const payment = await refused('send', '--private-key', key, dave, '--value', '1')
  holds(payment.includes('insufficient funds'), 'insufficient funds in a payment that is estimated first', payment)
})

await promise('reads the past by number and by hash', async () => {
  const number = Number(paid.blockNumber)
  equal(await balance(bob, '--block', number - 1), 0n, 'before the payment')
  equal(await balance(bob, '--block', number), 250_000_000n, 'after it')
  equal(await balance(bob, '--block', paid.blockHash), 250_000_000n, 'by hash')
  equal(await cast('nonce', alice, '--block', number - 1), '3', 'nonce')
  equal(await cast('balance', bob, '--block', 'finalized'), await cast('balance', bob), 'finalized')
  equal(await cast('code', token, '--block', '0'), '0x', 'no contract at genesis')
})

await promise('cast block, cast tx', async () => {
  const block = await json('block', paid.blockHash, '--full')
  equal(block.number, paid.blockNumber, 'number')
  equal(block.transactions.map(({ hash }) => hash), [paid.transactionHash], 'transactions')
  const parent = await json('block', Number(paid.blockNumber) - 1)
  equal(block.parentHash, parent.hash, 'parent')
  const sent = await json('tx', paid.transactionHash)
  equal(sent, block.transactions[0], 'cast tx')
  const raw = await cast('tx', paid.transactionHash, 'raw')
  equal(await cast('keccak', raw), paid.transactionHash, 'cast tx raw')
  const header = await cast('block', paid.blockHash, '--raw')
  equal(await cast('keccak', header), paid.blockHash, 'the hash of the header')
  holds((await cast('age', Number(paid.blockNumber))).length > 10, 'cast age')
})

await promise('cast mktx and cast publish', async () => {
  const { address: to } = await stranger()
  const raw = await cast('mktx', '--private-key', bobKey, to, '--value', '7')
  equal((await json('publish', raw)).status, '0x1', 'status')
  equal(await cast('balance', to), '7', 'what arrived')
  equal((await send(bobKey, to, '--value', '8', '--sync')).status, '0x1', 'cast send --sync')
})

await promise('cast call over a supposed state', async () => {
  const { address: poor } = await stranger()
  const call = ['call', '--from', poor, dave, '--value', '5']
  equal(await cast(...call, '--override-balance', `${poor}:1000`), '0x')
  holds((await refused(...call)).includes('insufficient funds'), 'insufficient funds without')
})

await promise('cast access-list, cast storage, cast rpc', async () => {
  const list = await json('access-list', token, 'transfer(address,uint256)', bob, '1', '--from', alice)
  equal(list.accessList, [], 'access list')
  equal(await cast('storage', token, '0'), await cast('hash-zero'), 'storage')
  const trace = await cast('rpc', 'debug_traceTransaction', paid.transactionHash, '{"tracer":"callTracer"}')
  equal(JSON.parse(trace).gasUsed, paid.gasUsed, 'debug_traceTransaction')
})
skip('cast run, cast call --trace', 'they execute EVM bytecode themselves')
skip('cast proof, cast storage-root', 'there are no proofs of state')

finish()
