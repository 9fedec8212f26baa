// The lines for clients in README.md: each does what it says, with nothing changed but the address.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import * as florin from './promises.mjs'

const { equal, finish, holds, promise, skip } = florin
const run = promisify(execFile)
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const blocks = new Map()
for (const [, language, name, code] of readme.matchAll(/^```(js|python|sh)\n(?:\/\/|#) (viem|ethers|web3\.py|cast|MetaMask)[^\n]*\n([^]*?)^```$/gm))
  blocks.set(name, { language, code: code.replaceAll('http://127.0.0.1:8545', florin.http) })
const here = { cwd: import.meta.dirname, timeout: 20_000 }

/** What a block prints is what the comment at its end says. */
const does = (name, program, before) =>
  promise(`README's lines for ${name} do what they say`, async () => {
    const { code } = blocks.get(name)
    const said = code.match(/(?:\/\/|#) ([\d.]+)\n$/)
    holds(said, `the last line of ${name} says what it prints`, code)
    const { stdout } = await run(program, [...before, code], here)
    equal(stdout.trim(), said[1], name)
  })

equal([...blocks.keys()], ['viem', 'ethers', 'web3.py', 'cast', 'MetaMask'], 'clients in README.md')
const module = ['--input-type=module', '--eval']
await does('viem', process.execPath, module)
await does('ethers', process.execPath, module)
await does('web3.py', '.venv/bin/python', ['-c'])
let cast
try {
  cast = createRequire(import.meta.url).resolve('@foundry-rs/cast-linux-amd64/bin/cast')
} catch {
  skip("README's lines for cast", 'its package is for Linux on x86_64')
}
if (cast) {
  here.env = { ...process.env, PATH: `${dirname(cast)}:${process.env.PATH}` }
  await does('cast', 'sh', ['-c'])
}

await promise("README's lines for MetaMask name the chain that is there", async () => {
  // A wallet checks what it is told about a chain (EIP-3085).
  let added
  const request = async ({ method, params: [chain] }) => {
    equal(method, 'wallet_addEthereumChain')
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] })
    const headers = { 'content-type': 'application/json' }
    const answer = await (await fetch(chain.rpcUrls[0], { method: 'POST', headers, body })).json()
    equal(chain.chainId, answer.result, 'the chain id')
    equal(chain.nativeCurrency.decimals, 18, 'decimals')
    added = chain.chainName
  }
  const page = new Function('window', `return (async () => { ${blocks.get('MetaMask').code} })()`)
  await page({ ethereum: { request } })
  equal(added, 'Florin')
})

finish()
