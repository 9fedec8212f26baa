// Keys move between florin, ethers and geth: each reads the others' files (Web3 Secret Storage, version 3).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Wallet, computeAddress } from 'ethers'
import { equal, failure, finish, holds, promise } from './promises.mjs'

const florin = process.env.FLORIN
if (!florin) {
  console.error('FLORIN has to be the path of the binary')
  process.exit(2)
}
const place = mkdtempSync(join(tmpdir(), 'florin-keystores-'))
process.on('exit', () => rmSync(place, { recursive: true, force: true }))

const run = (password, ...args) =>
  execFileSync(florin, args, {
    cwd: place,
    env: { ...process.env, FLORIN_PASSWORD: password },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })

// A test vector of the Web3 Secret Storage definition (ethereum.org), which geth's own tests use: the password is
// "testpassword".
const secret = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const vectors = {
  pbkdf2: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
}
// The definition's other vector has r = 1 with n = 2^18, which RFC 7914 rules out. web3.py makes files with geth's own
// parameters (n = 2^18, r = 8, p = 1).
const script = 'import json, sys; from eth_account import Account; print(json.dumps(Account.encrypt(*sys.argv[1:])))'
const made = execFileSync('.venv/bin/python', ['-c', script, secret, 'testpassword'], { encoding: 'utf8' })
vectors.scrypt = JSON.parse(made)

for (const [name, vector] of Object.entries(vectors)) {
  await promise(`florin reads a file as geth makes it (${name})`, async () => {
    writeFileSync(join(place, `${name}.json`), JSON.stringify(vector))
    // Both hold the same key, which a folder has once.
    const florin = (password, ...args) => run(password, '--dir', name, 'account', ...args)
    florin('testpassword', 'import', 'geth', '--file', `${name}.json`)
    equal(florin('testpassword', 'export', 'geth', '--private-key').trim(), secret, 'the key')
    const error = await failure(
      async () => florin('another', 'export', 'geth', '--private-key'),
      'another password opens nothing',
    )
    holds(String(error.stderr).includes('password'), 'it says that it may be the password', String(error.stderr))
  })
}

await promise('florin reads what ethers encrypts', async () => {
  const wallet = Wallet.createRandom()
  const file = await wallet.encrypt('a password with spaces \u00e9')
  writeFileSync(join(place, 'ethers.json'), file)
  run('a password with spaces \u00e9', 'account', 'import', 'ethers', '--file', 'ethers.json')
  const key = run('a password with spaces \u00e9', 'account', 'export', 'ethers', '--private-key').trim()
  equal(key, wallet.privateKey, 'the key')
})

await promise('ethers reads what florin keeps', async () => {
  run('secret', 'account', 'new', 'made')
  const key = run('secret', 'account', 'export', 'made', '--private-key').trim()
  const wallet = await Wallet.fromEncryptedJson(run('secret', 'account', 'export', 'made'), 'secret')
  equal(wallet.privateKey, key, 'the key')
  equal(wallet.address, computeAddress(key), 'the address')
})

finish()
