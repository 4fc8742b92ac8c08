// Makes eip712.json with an implementation that shares no code with ours:
//   npm i ethers@6.17.0 && node eip712.mjs > eip712.json
// (ethers' TypedDataEncoder, keccak256 and SigningKey over @noble/curves, RFC 6979.)
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'

const require = createRequire(resolve('node_modules/x.js'))
const { TypedDataEncoder, SigningKey, computeAddress, keccak256, getAddress, hexlify, toUtf8Bytes } =
  require('ethers')

const sha = (label) => '0x' + createHash('sha256').update('lpnode vector ' + label).digest('hex')
const broadcaster = new SigningKey(sha('broadcaster key'))
const transcoder = new SigningKey(sha('transcoder key'))
const streamId = computeAddress(broadcaster.publicKey).slice(2).toLowerCase() + sha('stream').slice(2, 34)
const transcoderAddr = computeAddress(transcoder.publicKey)

const types = {
  Segment: ['uint256 jobId', 'address transcoder', 'string streamId', 'uint64 sequence',
    'uint32 durationMs', 'bytes32 dataHash'],
  Rendition: ['string streamId', 'string name', 'uint64 sequence', 'bytes32 sha256'],
  Receipt: ['uint256 jobId', 'string streamId', 'uint64 sequence', 'bytes32 dataHash',
    'bytes32 transcodedHash', 'bytes broadcasterSig'],
  PeerIdentity: ['bytes32 staticKey', 'bytes32 transcript', 'uint8 side']
}
const typed = (name) => ({ [name]: types[name].map((s) => ({ type: s.split(' ')[0], name: s.split(' ')[1] })) })

const renditions = [sha('rendition 0'), sha('rendition 1'), sha('rendition 2')]
const transcodedHash = keccak256('0x' + renditions.map((r) => r.slice(2)).join(''))

function sign (domain, name, message, key) {
  const digest = TypedDataEncoder.hash(domain, typed(name), message)
  return { digest, signature: key.sign(digest).serialized, signer: computeAddress(key.publicKey) }
}

function inDomain (chainId, verifyingContract, jobId, sequence) {
  const domain = { name: 'lpnode', version: '1', chainId, verifyingContract }
  const segment = { jobId, transcoder: transcoderAddr, streamId, sequence, durationMs: 2002, dataHash: sha('data') }
  const signed = sign(domain, 'Segment', segment, broadcaster)
  const receipt = { jobId, streamId, sequence, dataHash: sha('data'), transcodedHash, broadcasterSig: signed.signature }
  return {
    chainId, verifyingContract, jobId, sequence: sequence.toString(),
    domainHash: TypedDataEncoder.hashDomain(domain),
    segment: signed,
    rendition: sign(domain, 'Rendition', { streamId, name: 'P240p30fps16x9', sequence, sha256: renditions[0] }, transcoder),
    receipt: sign(domain, 'Receipt', receipt, transcoder),
    identity: sign(domain, 'PeerIdentity', { staticKey: sha('static key'), transcript: sha('transcript'), side: 1 }, broadcaster)
  }
}

// The canonical form of a profile list, as protocol/profile.c describes it.
function profilesHash (list) {
  const u32 = (n) => (n >>> 0).toString(16).padStart(8, '0')
  const u8 = (n) => (n & 255).toString(16).padStart(2, '0')
  const one = (p) => u8(p.name.length) + hexlify(toUtf8Bytes(p.name)).slice(2) + u32(p.width) + u32(p.height) +
    u32(p.bitrate) + u32(p.fps) + u32(p.fpsDen) + u32(p.gopMs) + u8(p.encoder) + u8(p.h264) + u8(p.quality)
  return keccak256('0x' + u8(list.length) + list.map(one).join(''))
}
const rung = (name, width, height, bitrate) =>
  ({ name, width, height, bitrate, fps: 0, fpsDen: 1, gopMs: 0, encoder: 0, h264: 2, quality: -1 })

const bytes = (n) => Uint8Array.from({ length: n }, (_, i) => (i * 7 + 3) & 255)

console.log(JSON.stringify({
  origin: 'ethers 6.17.0, made by eip712.mjs',
  broadcasterKey: broadcaster.privateKey,
  transcoderKey: transcoder.privateKey,
  transcoder: transcoderAddr,
  streamId,
  dataHash: sha('data'),
  renditions,
  transcodedHash,
  staticKey: sha('static key'),
  transcript: sha('transcript'),
  domains: [
    inDomain(0, '0x' + '00'.repeat(20), '0x' + '00'.repeat(32), 0n),
    inDomain(42161, getAddress('0x' + sha('JobsManager').slice(2, 42)), sha('job'), 0xfedcba9876543210n)
  ],
  defaultLadderHash: profilesHash([rung('240p0', 426, 240, 250000), rung('360p0', 640, 360, 800000),
    rung('480p0', 854, 480, 1600000), rung('720p0', 1280, 720, 3000000)]),
  // byte i of the input is (7 i + 3) mod 256
  keccak: [0, 1, 55, 64, 135, 136, 137, 271, 272, 273, 1000].map((n) => ({ len: n, hash: keccak256(bytes(n)) })),
  sha256: [0, 1, 63, 64, 65, 1000].map((n) => ({ len: n, hash: '0x' + createHash('sha256').update(bytes(n)).digest('hex') }))
}, null, 1))
