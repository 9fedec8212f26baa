// What the JavaScript programs share: where the node is, how a promise is checked, and the accounts of development.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inspect, isDeepStrictEqual } from 'node:util'

const [, , httpArgument, wsArgument, artefactArgument] = process.argv
export const http = httpArgument ?? process.env.FLORIN_HTTP
export const ws = wsArgument ?? process.env.FLORIN_WS
const artefactPath = artefactArgument ?? process.env.FLORIN_ARTEFACT
if (!http || !ws || !artefactPath) {
  console.error('usage: node PROGRAM HTTP-URL WS-URL ARTEFACT.json (or FLORIN_HTTP, FLORIN_WS, FLORIN_ARTEFACT)')
  process.exit(2)
}
export const artefact = JSON.parse(readFileSync(artefactPath, 'utf8'))
/** The artefact of another contract, which is beside the first. */
export const beside = (name) => JSON.parse(readFileSync(join(dirname(artefactPath), `${name}.json`), 'utf8'))
export const phrase = 'test test test test test test test test test test test junk'

// With FLORIN_CLIENTS_ALL set a broken promise does not end the program, so that one run shows all of them.
const goOn = Boolean(process.env.FLORIN_CLIENTS_ALL)
const patience = 30_000
let kept = 0
let broken = 0
let skipped = 0

class Unexpected extends Error {}

const show = (value) => inspect(value, { depth: 6, breakLength: 110, maxStringLength: 400 })

export function equal(found, expected, what = 'value') {
  if (!isDeepStrictEqual(found, expected))
    throw new Unexpected(`${what}\n  expected: ${show(expected)}\n  found:    ${show(found)}`)
}

export function holds(condition, what, found) {
  if (!condition) throw new Unexpected(`${what}\n  expected: true\n  found:    ${show(found ?? condition)}`)
}

/** The error that `action` ends with; it is broken if there is none. */
export async function failure(action, what) {
  let value
  try {
    value = await action()
  } catch (error) {
    return error
  }
  throw new Unexpected(`${what}\n  expected: an error\n  found:    ${show(value)}`)
}

/** Waits until `look` finds something. */
export async function until(look, what, milliseconds = 10_000) {
  const end = Date.now() + milliseconds
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end)
      throw new Unexpected(`${what}\n  expected: within ${milliseconds} ms\n  found:    nothing`)
    await new Promise((done) => setTimeout(done, 25))
  }
}

export async function promise(name, check) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Unexpected(`no answer within ${patience} ms`)), patience)
  })
  try {
    await Promise.race([check(), late])
    kept += 1
    console.log(`ok - ${name}`)
  } catch (error) {
    broken += 1
    const text = error instanceof Unexpected ? error.message : error?.stack ?? show(error)
    console.log(`broken - ${name}\n  ${text.split('\n').slice(0, 30).join('\n  ')}`)
    if (!goOn) finish()
  } finally {
    clearTimeout(timer)
  }
}

export function skip(name, why) {
  skipped += 1
  console.log(`SKIPPED - ${name}: ${why}`)
}

/** Ends the program: clients keep sockets open, so it would not end by itself. */
export function finish() {
  console.log(`${kept} kept, ${broken} broken, ${skipped} skipped`)
  process.exit(broken ? 1 : 0)
}
