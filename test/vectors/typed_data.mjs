// Makes typed_data.json (EIP-712 JSON and what it hashes to) with ethers' TypedDataEncoder,
// which shares no code with ours:
//   npm i ethers@6.17.0 && node typed_data.mjs > typed_data.json
// The first is the example of EIP-712 itself, whose digest stands in the standard.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const require = createRequire(resolve('node_modules/x.js'))
const { TypedDataEncoder, getAddress } = require('ethers')

/* Bytes that are the same each time. */
let at = 0
const bytes = (n) => {
  let out = Buffer.alloc(0)
  while (out.length < n) out = Buffer.concat([out, createHash('sha256').update(`typed ${at++}`).digest()])
  return out.subarray(0, n)
}
const below = (n) => bytes(4).readUInt32BE() % n
const hex = (n) => '0x' + bytes(n).toString('hex')
const big = (n) => BigInt(hex(n))

const example = {
  types: {
    EIP712Domain: [{ name: 'name', type: 'string' }, { name: 'version', type: 'string' },
      { name: 'chainId', type: 'uint256' }, { name: 'verifyingContract', type: 'address' }],
    Person: [{ name: 'name', type: 'string' }, { name: 'wallet', type: 'address' }],
    Mail: [{ name: 'from', type: 'Person' }, { name: 'to', type: 'Person' }, { name: 'contents', type: 'string' }]
  },
  primaryType: 'Mail',
  domain: { name: 'Ether Mail', version: '1', chainId: 1,
    verifyingContract: '0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC' },
  message: {
    from: { name: 'Cow', wallet: '0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826' },
    to: { name: 'Bob', wallet: '0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB' },
    contents: 'Hello, Bob!'
  }
}

/* ---- random types and values ---- */

const atoms = ['string', 'bytes', 'address', 'bool', 'uint8', 'uint64', 'uint256', 'int8', 'int128', 'int256',
  'bytes1', 'bytes20', 'bytes32']

function value (types, type) {
  const array = /^(.*)\[(\d*)\]$/.exec(type)
  if (array) {
    const n = array[2] ? Number(array[2]) : below(4)
    return Array.from({ length: n }, () => value(types, array[1]))
  }
  if (types[type]) return Object.fromEntries(types[type].map((f) => [f.name, value(types, f.type)]))
  if (type === 'string') return bytes(below(40)).toString('base64').replace(/A/g, '☃')
  if (type === 'bytes') return hex(below(70))
  if (type === 'address') return getAddress(hex(20))
  if (type === 'bool') return below(2) === 1
  if (type.startsWith('bytes')) return hex(Number(type.slice(5)))
  const [, sign, bits] = /^(u?)int(\d+)$/.exec(type)
  let v = big(bits / 8)
  if (!sign) v -= 1n << (BigInt(bits) - 1n)
  /* Large ones as texts, decimal or (not below 0) hex; small ones as numbers too. */
  if (v >= -0x80000000n && v < 0x80000000n && below(2)) return Number(v)
  return v >= 0n && below(2) ? '0x' + v.toString(16) : v.toString()
}

/* Types refer to those before them only. */
function randomTypes () {
  const names = ['Zeta', 'alpha', 'Beta_2', '$gamma', 'Delta'].slice(0, 1 + below(5))
  const types = {}
  names.forEach((name, i) => {
    types[name] = Array.from({ length: 1 + below(5) }, (_, k) => {
      const base = i > 0 && below(3) === 0 ? names[below(i)] : atoms[below(atoms.length)]
      const arrays = ['', '', '', '[]', '[2]', '[][3]', '[1][]'][below(7)]
      return { name: `f${k}`, type: base + arrays }
    })
  })
  return [types, names.at(-1)]
}

/* The encoder wants only what the primary type needs. */
function needed (types, name, to = {}) {
  const base = name.replace(/\[.*$/, '')
  if (types[base] && !to[base]) {
    to[base] = types[base]
    types[base].forEach((f) => needed(types, f.type, to))
  }
  return to
}

function randomOne () {
  const [types, primaryType] = randomTypes()
  const domain = {}
  if (below(2)) domain.name = 'Nämé ' + below(100)
  if (below(2)) domain.version = String(below(9))
  if (below(2)) domain.chainId = below(100000) + 1
  if (below(2)) domain.verifyingContract = getAddress(hex(20))
  if (below(3) === 0) domain.salt = hex(32)
  return { types, primaryType, domain, message: value(types, primaryType) }
}

function vector (data) {
  const { EIP712Domain, ...all } = data.types
  const types = needed(all, data.primaryType)
  return {
    data: JSON.stringify(data),
    type: new TypedDataEncoder(types).encodeType(data.primaryType),
    domain: TypedDataEncoder.hashDomain(data.domain),
    message: TypedDataEncoder.from(types).hash(data.message),
    digest: TypedDataEncoder.hash(data.domain, types, data.message)
  }
}

const list = [example, ...Array.from({ length: 60 }, randomOne)].map(vector)
console.log(JSON.stringify(list, null, 1))
