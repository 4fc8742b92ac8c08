// Makes noise_xx.json with an implementation that shares no code with ours:
//   npm i @chainsafe/libp2p-noise@17 && node noise_xx.mjs > noise_xx.json
// (its Noise state machine over @noble/curves, @noble/ciphers and @noble/hashes).
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'

const root = resolve('node_modules')
const load = (p) => import(pathToFileURL(`${root}/${p}`).href)
const { XXHandshakeState, ZEROLEN } = await load('@chainsafe/libp2p-noise/dist/src/protocol.js')
const { wrapCrypto } = await load('@chainsafe/libp2p-noise/dist/src/crypto.js')
const { pureJsCrypto } = await load('@chainsafe/libp2p-noise/dist/src/crypto/js.js')
const { chacha20poly1305 } = await load('@noble/ciphers/chacha.js')

const hex = (b) => Buffer.from(b.subarray()).toString('hex')
const text = (s) => new TextEncoder().encode(s)
const secret = (label) => new Uint8Array(createHash('sha256').update('lpnode vector ' + label).digest())
const prologue = text('lpnode noise vector')

function side (initiator) {
  const role = initiator ? 'initiator' : 'responder'
  const crypto = wrapCrypto(pureJsCrypto)
  crypto.generateKeypair = () => pureJsCrypto.generateX25519KeyPairFromSeed(secret(role + ' ephemeral'))
  const s = pureJsCrypto.generateX25519KeyPairFromSeed(secret(role + ' static'))
  return new XXHandshakeState({ crypto, protocolName: 'Noise_XX_25519_ChaChaPoly_SHA256', prologue, initiator, s })
}

// h when the payload of the message is encrypted: the last encryptAndHash of a message.
function write (hs, name, payload) {
  let transcript
  const orig = hs.ss.encryptAndHash.bind(hs.ss)
  hs.ss.encryptAndHash = (p) => { transcript = hex(hs.ss.h); return orig(p) }
  const ciphertext = hs[name](payload)
  hs.ss.encryptAndHash = orig
  return { ciphertext, json: { payload: hex(payload), ciphertext: hex(ciphertext), transcript } }
}

const i = side(true)
const r = side(false)
const handshake = []
for (const [from, to, m, payload] of [[i, r, 'A', ZEROLEN], [r, i, 'B', text('responder payload')],
  [i, r, 'C', text('initiator payload')]]) {
  const w = write(from, 'writeMessage' + m, payload)
  if (hex(to['readMessage' + m](w.ciphertext)) !== hex(payload)) throw new Error('payload ' + m)
  handshake.push(w.json)
}
const [send, recv] = i.ss.split()
const transport = []
for (let k = 0; k < 3; k++) {
  for (const [role, cs] of [['initiator', send], ['responder', recv]]) {
    const p = text(`transport message ${k} of ${role}`)
    transport.push({ payload: hex(p), ciphertext: hex(cs.encryptWithAd(ZEROLEN, p)) })
  }
}
// The initiator's message number 2^20: REKEY has happened just before it.
const nonce = (n) => { const b = new Uint8Array(12); new DataView(b.buffer).setBigUint64(4, n, true); return b }
const k2 = chacha20poly1305(send.k, nonce(0xffffffffffffffffn), ZEROLEN).encrypt(new Uint8Array(32)).subarray(0, 32)
const p = text('first after rekey')
const c = chacha20poly1305(k2, nonce(1n << 20n), ZEROLEN).encrypt(p)

console.log(JSON.stringify({
  origin: '@chainsafe/libp2p-noise 17.0.0 (npm), by noise_xx.mjs; secrets are sha256("lpnode vector ROLE static|ephemeral")',
  protocol_name: 'Noise_XX_25519_ChaChaPoly_SHA256',
  prologue: hex(prologue),
  init_static: hex(secret('initiator static')),
  init_ephemeral: hex(secret('initiator ephemeral')),
  resp_static: hex(secret('responder static')),
  resp_ephemeral: hex(secret('responder ephemeral')),
  handshake_hash: hex(i.ss.h),
  handshake,
  transport,
  after_rekey: { payload: hex(p), ciphertext: hex(c) }
}, null, 1))
