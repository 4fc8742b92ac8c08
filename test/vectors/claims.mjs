// Makes claims.json: Merkle trees and proofs by @openzeppelin/merkle-tree, hashes of claims by
// ethers' ABI coder and typed data, options' units by BigInt:
//   node claims.mjs > claims.json
import { StandardMerkleTree } from '@openzeppelin/merkle-tree'
import { AbiCoder, SigningKey, TypedDataEncoder, computeAddress, concat, id, keccak256, toBeHex, toUtf8Bytes } from 'ethers'

const coder = AbiCoder.defaultAbiCoder()
const hash = (types, values) => keccak256(coder.encode(types, values))
let turn = 0
const pick = n => Number(BigInt(id(`pick ${turn++}`)) % BigInt(n))

// ---- trees: value i is id(`leaf ${i}`) ----

function flag_words (flags) {
  const words = Array(Math.ceil(flags.length / 256)).fill(0n)
  flags.forEach((f, i) => { if (f) words[i >> 8] |= 1n << BigInt(i & 255) })
  return words.map(w => toBeHex(w, 32))
}

function multi (tree, indices) {
  const { leaves, proof, proofFlags } = tree.getMultiProof(indices)
  const order = leaves.map(l => tree.dump().values.findIndex(v => v.value[0] === l[0]))
  if (order.some((v, i) => v !== indices[i])) throw new Error('leaves in another order')
  return { indices, proof, flags: flag_words(proofFlags), nFlags: proofFlags.length }
}

function some (n, count) {
  const set = new Set()
  while (set.size < count) set.add(pick(n))
  return [...set].sort((a, b) => a - b)
}

function tree_of (n) {
  const tree = StandardMerkleTree.of(Array.from({ length: n }, (_, i) => [id(`leaf ${i}`)]), ['bytes32'], { sortLeaves: false })
  const ones = n <= 9 ? Array.from({ length: n }, (_, i) => i) : [0, n >> 1, n - 1]
  const sets = [Math.ceil(n / 3), Math.min(n, 4)].map(count => some(n, count))
  if (n <= 17 || n === 300) sets.push(Array.from({ length: n }, (_, i) => i))
  return {
    n, root: tree.root,
    proofs: ones.map(i => ({ i, proof: tree.getProof(i) })),
    multi: sets.map(s => multi(tree, s))
  }
}

// ---- claims ----

const key = name => new SigningKey(id(name))
const address = name => computeAddress(key(name).publicKey)
const fields = text => text.split(',').map(f => f.trim().split(' ')).map(([type, name]) => ({ type, name }))
const TYPES = {
  Segment: fields('uint256 jobId,address transcoder,string streamId,uint64 sequence,uint32 durationMs,bytes32 dataHash'),
  Receipt: fields('uint256 jobId,string streamId,uint64 sequence,bytes32 dataHash,bytes32 transcodedHash,bytes broadcasterSig'),
  Verdict: fields('uint256 jobId,address transcoder,uint32 claimId,bytes32 work,bytes32 commitment'),
  Stored: fields('uint256 jobId,address transcoder,uint32 claimId,bytes32 work')
}
const domain = { name: 'lpnode', version: '1', chainId: 31337, verifyingContract: address('jobs manager') }
const typed = (type, value) => TypedDataEncoder.hash(domain, { [type]: TYPES[type] }, value)
const sign = (who, type, value) => key(who).sign(typed(type, value)).serialized

const jobId = (1n << 200n) + 17n
const streamId = 'a'.repeat(72) + '/hello'
const transcoder = address('transcoder')

function segment (sequence, durationMs) {
  const s = { sequence: `${sequence}`, durationMs, dataHash: id(`data ${sequence}`), transcodedHash: id(`out ${sequence}`) }
  s.broadcasterSig = sign('broadcaster', 'Segment', { ...s, jobId, transcoder, streamId })
  const digest = typed('Receipt', { ...s, jobId, streamId })
  s.transcoderSig = key('transcoder').sign(digest).serialized
  return { ...s, leaf: keccak256(keccak256(digest)) }
}
const segments = [segment(0n, 2000), segment(1n, 1), segment((1n << 64n) - 2n, 4000), segment(9007199254740993n, 1999)]
const work = list => hash(['tuple(uint64,bytes32,bytes32)[]'], [list.map(r => [r.sequence, r.dataHash, r.transcodedHash])])

const claimId = 3
const opened = { work: work(segments), k: 5, answers: '85', workHash: id('work hash'), salt: id('salt') }
const commitment = hash(['address', 'uint256', 'bytes32', 'bytes32'], [address('verifier'), opened.answers, opened.workHash, opened.salt])
opened.signature = sign('verifier', 'Verdict', { jobId, transcoder, claimId, work: opened.work, commitment })
opened.packed = concat([toBeHex(opened.k, 2), toBeHex(BigInt(opened.answers), 16), opened.workHash, opened.salt, opened.signature])
const stored = { work: opened.work, k: 5, signature: sign('verifier', 'Stored', { jobId, transcoder, claimId, work: opened.work }) }
stored.packed = concat([toBeHex(stored.k, 2), stored.signature])

const details = { streamIdHash: keccak256(toUtf8Bytes(streamId)), optionsHash: id('options'), maxSegmentMs: 4000, plantCommitment: id('plants'), broadcaster: address('broadcaster'), segmentFee: toBeHex((1n << 100n) + 7n, 32) }
const pack = list => concat(list.map(([start, length]) => concat([toBeHex(start, 8), toBeHex(length, 4)])))

function challenges (block, rate, count) {
  const h = id(`block ${block}`)
  const drawn = Array.from({ length: count }, (_, i) => i).filter(s => BigInt(hash(['uint256', 'bytes32', 'uint256'], [block + 1, h, s])) % BigInt(rate) === 0n)
  return { block, hash: h, rate, count, drawn }
}

// ---- options ----

const WEIGHTS = [1n, 4n, 1n, 4n, 8n]
const field = (v, bytes) => toBeHex(BigInt.asUintN(8 * bytes, BigInt(v)), bytes)
function options (o) {
  const bytes = concat([field(1, 1), field(o.width, 2), field(o.height, 2), field(o.rate, 4), field(o.ms, 2),
    ...o.renditions.flatMap(r => [field(r.width, 2), field(r.height, 2), field(r.rate, 4), field(r.bitrate, 4),
      field(r.encoder, 1), field(r.profile, 1), field(r.gop, 4), field(r.quality, 1)])])
  const sum = o.renditions.reduce((t, r) => t + BigInt(r.width) * BigInt(r.height) * BigInt(r.rate || o.rate) * WEIGHTS[r.encoder], 0n)
  return { ...o, bytes, units: `${(sum * BigInt(o.ms) + 10n ** 12n - 1n) / 10n ** 12n}` }
}
const small = { width: 426, height: 240, rate: 0, bitrate: 400000, encoder: 0, profile: 2, gop: 0, quality: -1 }
const huge = { ...small, width: 65535, height: 65535, rate: 4294967295, encoder: 4, gop: -1, quality: 30, bitrate: 4294967295 }

console.log(JSON.stringify({
  trees: [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 33, 100, 300].map(tree_of),
  claim: {
    jobId: toBeHex(jobId, 32), jobsManager: domain.verifyingContract, chainId: domain.chainId,
    streamId, transcoder, broadcaster: address('broadcaster'), verifier: address('verifier'), claimId,
    segments, work: work(segments), opened, stored,
    details: { ...details, hash: hash(['bytes32', 'bytes32', 'uint32', 'bytes32', 'address', 'uint256'], Object.values(details)) },
    ranges: [[0, 2], [7, 1], [9007199254740993n, 4096]].map(r => r.map(String)),
    packed: pack([[0, 2], [7, 1], [9007199254740993n, 4096]]),
    root: id('root'),
    content: hash(['bytes32', 'bytes32'], [id('root'), keccak256(pack([[0, 2], [7, 1], [9007199254740993n, 4096]]))]).slice(0, 48)
  },
  challenges: [challenges(17, 5, 100), challenges(123456789, 500, 4000), challenges(9, 1, 4), challenges(9, 4294967295, 50)],
  options: [
    options({ width: 1920, height: 1080, rate: 30000, ms: 2000, renditions: [small] }),
    options({ width: 1280, height: 720, rate: 29970, ms: 4000, renditions: [small, { ...small, rate: 60000, encoder: 1 }, { ...small, encoder: 3, gop: 2000 }] }),
    options({ width: 65535, height: 65535, rate: 4294967295, ms: 65535, renditions: [huge] })
  ]
}, null, 1))
