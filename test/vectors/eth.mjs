// Makes eth.json with an implementation that shares no code with ours:
//   npm i ethers@6.17.0 && node eth.mjs > eth.json
// (ethers' AbiCoder, encodeRlp, Transaction, getCreateAddress, keystore, TypedDataEncoder.)
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const require = createRequire(resolve('node_modules/x.js'))
const {
  AbiCoder, SigningKey, Transaction, TypedDataEncoder, computeAddress, encodeRlp, encryptKeystoreJsonSync,
  getCreateAddress, id
} = require('ethers')

let turn = 0
const sha = () => createHash('sha256').update(`lpnode eth ${turn++}`).digest()
const pick = (n) => sha().readUInt32BE(0) % n
const big = (bits) => BigInt('0x' + sha().toString('hex')) >> BigInt(256 - bits)
const bytes = (n) => '0x' + Buffer.concat(Array.from({ length: n / 32 + 1 }, sha)).subarray(0, n).toString('hex')

// ---- ABI: a type with a value; numbers are decimal strings, bytes are hex ----

const widths = () => 8 * (1 + pick(32))
const atoms = [
  () => { const w = widths(); return [`uint${w}`, (pick(4) ? big(1 + pick(w)) : (1n << BigInt(w)) - 1n).toString()] },
  () => {
    const w = widths()
    const v = pick(4) ? big(w) - (1n << BigInt(w - 1)) : -(1n << BigInt(w - 1))
    return [`int${w}`, v.toString()]
  },
  () => ['address', bytes(20)],
  () => ['bool', pick(2) === 1],
  () => { const n = 1 + pick(32); return [`bytes${n}`, bytes(n)] },
  () => ['bytes', bytes(pick(100))],
  () => ['string', 'snow \u2603 '.repeat(pick(12))]
]
// Another value of the same shape: the first value's makers are run again by their type.
function valueOf (type) {
  let m
  if ((m = /^(.*)\[(\d*)\]$/.exec(type))) {
    return Array.from({ length: m[2] ? Number(m[2]) : pick(4) }, () => valueOf(m[1]))
  }
  if (type[0] === '(') return split(type.slice(1, -1)).map(valueOf)
  if ((m = /^uint(\d+)$/.exec(type))) return big(1 + pick(Number(m[1]))).toString()
  if ((m = /^int(\d+)$/.exec(type))) return (big(Number(m[1])) - (1n << BigInt(Number(m[1]) - 1))).toString()
  if ((m = /^bytes(\d+)$/.exec(type))) return bytes(Number(m[1]))
  return { address: () => bytes(20), bool: () => pick(2) === 1, bytes: () => bytes(pick(100)), string: () => 'text '.repeat(pick(15)) }[type]()
}
function split (list) {
  const out = []
  let depth = 0
  let from = 0
  for (let i = 0; i <= list.length; i++) {
    if (i === list.length || (list[i] === ',' && depth === 0)) { if (i > from) out.push(list.slice(from, i)); from = i + 1 }
    if (list[i] === '(') depth++
    if (list[i] === ')') depth--
  }
  return out
}
function typeText (depth) {
  const kind = depth > 2 ? 0 : pick(6)
  if (kind === 4) return typeText(depth + 1) + (pick(2) ? '[]' : `[${1 + pick(3)}]`)
  if (kind === 5) return '(' + Array.from({ length: 1 + pick(4) }, () => typeText(depth + 1)).join(',') + ')'
  return atoms[pick(atoms.length)]()[0]
}
const coder = AbiCoder.defaultAbiCoder()
// ethers reads "(a,b)" only behind the word tuple.
const named = (t) => t.replace(/\(/g, 'tuple(')
function encoded (types, values) {
  return { type: `(${types.join(',')})`, value: values, data: coder.encode(types.map(named), values) }
}
const abi = [encoded([], [])]
for (const atom of atoms) for (let i = 0; i < 3; i++) { const [t, v] = atom(); abi.push(encoded([t], [v])) }
for (let i = 0; i < 80; i++) {
  const types = Array.from({ length: 1 + pick(4) }, () => typeText(0))
  abi.push(encoded(types, types.map(valueOf)))
}

// ---- RLP ----

function tree (depth) {
  if (depth < 5 && pick(3) === 0) return Array.from({ length: pick(5) }, () => tree(depth + 1))
  return bytes([0, 1, 1, 2, 20, 55, 56, 57, 255, 256, 300][pick(11)])
}
const rlp = Array.from({ length: 40 }, () => { const v = tree(0); return { value: v, data: encodeRlp(v) } })

// ---- transactions ----

const txs = []
for (let i = 0; i < 40; i++) {
  const key = new SigningKey(sha())
  const legacy = i % 2 === 0
  const creates = pick(5) === 0
  const fee = big(1 + pick(i % 5 ? 60 : 256))
  const fields = {
    type: legacy ? 0 : 2,
    chainId: [1n, 137n, 31337n, 42161n, (1n << 53n) - 1n, 110n][pick(6)],
    nonce: [0, 1, 127, 128, 255, 256, 65536, Number.MAX_SAFE_INTEGER][pick(8)],
    gasLimit: BigInt(pick(16777217)),
    to: creates ? null : computeAddress(new SigningKey(sha()).publicKey),
    value: pick(3) ? big(1 + pick(100)) : 0n,
    data: bytes([0, 0, 1, 4, 36, 55, 56, 68, 300, 3000][pick(10)])
  }
  Object.assign(fields, legacy ? { gasPrice: fee } : { maxFeePerGas: fee, maxPriorityFeePerGas: fee / BigInt(1 + pick(9)) })
  const t = Transaction.from(fields)
  t.signature = key.sign(t.unsignedHash)
  txs.push({
    key: key.privateKey, from: t.from, legacy, chainId: t.chainId.toString(), nonce: t.nonce.toString(),
    maxFee: fee.toString(), maxTip: legacy ? '0' : fields.maxPriorityFeePerGas.toString(), gas: t.gasLimit.toString(),
    to: t.to, value: t.value.toString(), data: t.data, digest: t.unsignedHash, raw: t.serialized, hash: t.hash
  })
}

// What we refuse: of another type, with an access list, before EIP-155.
function other (fields) {
  const key = new SigningKey(sha())
  const t = Transaction.from({ nonce: 1, gasLimit: 21000n, to: computeAddress(key.publicKey), value: 1n, ...fields })
  t.signature = key.sign(t.unsignedHash)
  return t.serialized
}
const foreign = {
  withAccessList: other({ type: 2, chainId: 1n, maxFeePerGas: 2n, maxPriorityFeePerGas: 1n, accessList: [[bytes(20), [bytes(32)]]] }),
  ofType1: other({ type: 1, chainId: 1n, gasPrice: 2n, accessList: [] }),
  beforeEip155: other({ type: 0, gasPrice: 2n }),
  aboveGasCap: other({ type: 0, chainId: 1n, gasPrice: 2n, gasLimit: 16777217n })
}

const created = [0n, 1n, 127n, 128n, 255n, 256n, 1n << 32n, (1n << 63n) - 1n].map((nonce) => {
  const from = bytes(20)
  return { from, nonce: nonce.toString(), address: getCreateAddress({ from, nonce }) }
})

// ---- the rest ----

const secret = '0x' + sha().toString('hex')
const account = { address: computeAddress(secret), privateKey: secret }
const keystore = {
  secret, address: account.address, password: 'p\u00e4ssword \u2603',
  json: encryptKeystoreJsonSync(account, 'p\u00e4ssword \u2603', {
    scrypt: { N: 4096, r: 8, p: 1 }, salt: '0x' + sha().toString('hex'), iv: bytes(16), uuid: bytes(16)
  })
}
const signatures = ['transfer(address,uint256)', 'Transfer(address,address,uint256)', 'balanceOf(address)', '', 'f()',
  'submit((uint256,bytes32[2])[],string)'].map((text) => ({ text, hash: id(text) }))

// The example of EIP-712 itself, with the hashes of its nested members.
const person = [{ name: 'name', type: 'string' }, { name: 'wallet', type: 'address' }]
const mail = [{ name: 'from', type: 'Person' }, { name: 'to', type: 'Person' }, { name: 'contents', type: 'string' }]
const types = { Person: person, Mail: mail }
const domain = { name: 'Ether Mail', version: '1', chainId: 1, verifyingContract: '0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC' }
const message = {
  from: { name: 'Cow', wallet: '0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826' },
  to: { name: 'Bob', wallet: '0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB' },
  contents: 'Hello, Bob!'
}
const etherMail = {
  type: 'Mail(Person from,Person to,string contents)Person(string name,address wallet)',
  domainHash: TypedDataEncoder.hashDomain(domain),
  from: TypedDataEncoder.hashStruct('Person', { Person: person }, message.from),
  to: TypedDataEncoder.hashStruct('Person', { Person: person }, message.to),
  contents: message.contents,
  digest: TypedDataEncoder.hash(domain, types, message)
}

const lines = (list) => '[\n' + list.map((r) => JSON.stringify(r)).join(',\n') + '\n]'
const parts = { abi, rlp, txs, created, signatures }
console.log('{' + Object.entries(parts).map(([k, v]) => `"${k}": ${lines(v)}`).join(',\n') +
  `,\n"foreign": ${JSON.stringify(foreign, null, 1)},\n"keystore": ${JSON.stringify(keystore, null, 1)},` +
  `\n"etherMail": ${JSON.stringify(etherMail, null, 1)}\n}`)
