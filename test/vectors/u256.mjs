// Makes u256.json by node's BigInt, which shares no code with base/u256.c:
//   node u256.mjs > u256.json
// Numbers are 64 hex digits; null where the result does not fit or the divisor is 0.
import { createHash } from 'node:crypto'

let turn = 0
const bytes = () => createHash('sha256').update(`lpnode u256 ${turn++}`).digest()
const random = (bits) => BigInt('0x' + bytes().toString('hex')) >> BigInt(256 - bits)
const pick = (n) => bytes()[0] % n

const TOP = 1n << 256n
const edges = [0n, 1n, 2n, 3n, 10n, (1n << 63n), (1n << 64n) - 1n, 1n << 64n, (1n << 64n) + 1n, (1n << 127n),
  (1n << 128n) - 1n, 1n << 128n, (1n << 192n) - 1n, 1n << 192n, (1n << 255n) - 1n, 1n << 255n,
  (1n << 255n) + 1n, TOP - (1n << 64n), TOP - 2n, TOP - 1n]

const hex = (v) => v.toString(16).padStart(64, '0')
const fit = (v) => v !== null && v >= 0n && v < TOP ? hex(v) : null
const bits = (v) => v === 0n ? 0 : v.toString(2).length

function row (a, b, c) {
  return {
    a: hex(a), b: hex(b), c: hex(c), add: fit(a + b), sub: fit(a - b), mul: fit(a * b),
    div: fit(b ? a / b : null), rem: fit(b ? a % b : null), mulDiv: fit(c ? a * b / c : null),
    bits: bits(a), dec: a.toString(), hex: '0x' + a.toString(16)
  }
}

const some = () => pick(4) === 0 ? edges[pick(edges.length)] : random(1 + pick(256))
const rows = []
for (const a of edges) for (const b of [a, edges[pick(edges.length)], edges[pick(edges.length)]]) rows.push(row(a, b, some()))
for (let i = 0; i < 120; i++) rows.push(row(some(), some(), some()))

// "1.5" with its decimals: the text without zeros at the end.
function fixed (v, decimals) {
  const s = v.toString().padStart(decimals + 1, '0')
  const whole = s.slice(0, s.length - decimals)
  const part = s.slice(s.length - decimals).replace(/0+$/, '')
  return { v: hex(v), decimals, text: part ? `${whole}.${part}` : whole }
}
const amounts = []
for (const decimals of [0, 1, 6, 18, 27, 76, 77]) {
  for (const v of [0n, 1n, 10n, 10n ** 18n, 15n * 10n ** 17n, TOP - 1n, some(), some()]) amounts.push(fixed(v, decimals))
}

const lines = (list) => '[\n' + list.map((r) => JSON.stringify(r)).join(',\n') + '\n]'
console.log(`{"rows": ${lines(rows)},\n"fixed": ${lines(amounts)}}`)
