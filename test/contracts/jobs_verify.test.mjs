// Verification, verdicts and fees.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { concat, id, toBeHex } from 'ethers'
import { calling_back, event_of, events_of, expect_event, expect_revert, run, word } from './lib/kit.mjs'
import { ETH, JUDGES, STATUS, VOID, World, chain_hash, passed_by, signers_of, split, with_high_s, work_hash } from './lib/jobs.mjs'

let w, jobs
before(async () => {
	w = await World.start()
	jobs = w.jobs
})
after(() => w.kit.stop())
beforeEach(() => w.kit.reset())

const pass = passed_by(JUDGES)
const refused = (promise, name, args) => expect_revert(promise, jobs, name, args)
const joined = sig => concat([sig.r, sig.s, toBeHex(sig.v, 1)])
const high = sig => split(with_high_s(joined(sig)))

async function claimed(ranges = [[0, 4]], job) {
	const claim = await w.claim(job ?? await w.job(), { ranges })
	await w.challenge_hash(claim)
	return claim
}

/* verifyWithVerdicts after tamper(ref, segments, proof, claim). */
async function tampered(claim, sequences, tamper) {
	const args = structuredClone(w.evidence(claim, sequences))
	tamper(...args)
	return jobs.connect(claim.by).verifyWithVerdicts(...args, pass)
}

/* ---- what is verified ---- */

test('a batch that passes: work, chain, fee, events', async () => {
	const claim = await claimed([[0, 8]])
	const receipt = await w.verify(claim, [1, 2, 5])
	const work = work_hash([1, 2, 5].map(i => claim.receipts[i]))
	const fee = 3n * claim.job.fee * 300000n / 1000000n
	const c = await w.get_claim(claim)

	expect_event(receipt, jobs, 'VerifyWithVerdicts', [claim.by, claim.job.id, 0n, [1n, 2n, 5n], work, signers_of(JUDGES), fee])
	assert.equal(receipt.logs.length, 1)
	assert.deepEqual([c.lastVerified, c.verified, c.open, c.settledAt], [6n, 3n, 0n, BigInt(receipt.blockNumber)])
	assert.equal(c.fees, 8n * claim.job.fee - fee)
	assert.equal(await w.chain.balance(w.verifier), 0n)
	assert.equal(await w.chain.balance(jobs), ETH)
	await w.request(claim, [7])
	const again = await w.get_claim(claim)
	assert.deepEqual([again.verified, again.open, again.settledAt], [4n, 1n, c.settledAt])
	const [first, second] = [{ sequences: [1, 2, 5], work, signers: signers_of(JUDGES) }, { sequences: [7], work: work_hash([claim.receipts[7]]), signers: [] }]
	const seed = await w.challenge_hash(claim)
	assert.equal(c.verifiedChain, chain_hash(claim, seed, [first]))
	assert.equal(again.verifiedChain, chain_hash(claim, seed, [first, second]))
})

/* ---- what verifiers are owed ---- */

test('verifiers: equal parts, the rest to the first; anyone withdraws for anyone, paused or not', async () => {
	await run((await w.owner()).setVerifierFee(333334))
	const claim = await claimed([[0, 8]])
	const { fee } = event_of(await w.verify(claim, [1, 2]), jobs, 'VerifyWithVerdicts')
	const [a, b, c] = JUDGES.map(j => j.address)
	const part = fee / 3n
	assert.notEqual(fee % 3n, 0n)
	assert.deepEqual(await Promise.all([a, b, c].map(x => jobs.verifierFees(x))), [part + fee % 3n, part, part])
	await run(w.kit.sys.Controller.connect(await w.kit.as_owner()).pause())
	const receipt = await run(jobs.connect(w.stranger).withdrawVerifierFees(a))
	expect_event(receipt, jobs, 'WithdrawVerifierFees', [a, part + fee % 3n])
	assert.equal(await w.chain.balance({ target: a }), part + fee % 3n)
	assert.equal(await w.chain.balance(jobs), ETH - part - fee % 3n)
	await refused(jobs.withdrawVerifierFees(a), 'NothingToWithdraw', [a])
})

test('a verifier that refuses its fees stops nobody else', async () => {
	const claim = await claimed([[0, 8]])
	await w.verify(claim, [1, 2])
	const [a, b] = JUDGES.map(j => j.address)
	const owed = await jobs.verifierFees(a)
	for (const code of ['0x60006000fd', calling_back(jobs.interface.encodeFunctionData('withdrawVerifierFees', [a]))]) {
		await w.chain.rpc('anvil_setCode', a, code)
		await refused(jobs.withdrawVerifierFees(a), 'TransferFailed', [a, owed])
	}
	await run(jobs.withdrawVerifierFees(b))
})

/* ---- what a batch was ---- */

test('a settled batch is known again by the chain, with all that the Verifier was asked', async () => {
	const claim = await claimed([[0, 9]])
	await w.verify(claim, [0, 2])
	await w.request(claim, [3])
	await run((await w.owner()).setVerifierFee(0))
	const last = await w.verify(claim, [5, 6, 7], [JUDGES[1], JUDGES[0]])
	const { batches } = claim
	await w.chain.mine(1)
	const seed = await w.challenge_hash(claim)
	const segment = claim.job.fee * 3n / 10n
	for (const [index, before, count] of [[0, 0n, 2n], [2, 3n, 3n]]) {
		const [r, at] = await jobs.settledBatch(claim.ref, batches, index)
		assert.deepEqual([...r.ref], [claim.job.id, claim.by.address, 0n])
		assert.deepEqual([...r].slice(1), [before, w.broadcaster.address, seed, BigInt(claim.block + 1), batches[index].work, count, count * segment])
		assert.equal(at, BigInt(last.blockNumber))
	}
	const asked = (list, index, ref = claim.ref) => jobs.settledBatch(ref, list, index)
	await refused(asked(batches, 1), 'NotSettledAtOnce', [1n])
	await refused(asked(batches, 3), 'NotSettledAtOnce', [3n])
	await refused(asked(batches.slice(0, 2), 0), 'ContentMismatch', [])
	await refused(asked([batches[1], batches[0], batches[2]], 1), 'ContentMismatch', [])
	const lies = [{ sequences: [0, 3] }, { sequences: [0] }, { work: id('x') }, { signers: signers_of(JUDGES.slice(1)) }, { signers: [] }]
	for (const lie of lies) await refused(asked([{ ...batches[0], ...lie }, ...batches.slice(1)], 0), 'ContentMismatch', [])
	await refused(asked(batches.map((b, i) => i === 1 ? { ...b, signers: signers_of(JUDGES) } : b), 1), 'ContentMismatch', [])
	await refused(asked(batches, 0, { ...claim.ref, claimId: 7 }), 'UnknownClaim', [claim.job.id, claim.by, 7n])
	const other = await claimed([[0, 9]])
	await w.chain.mine(1)
	await refused(asked(batches, 0, other.ref), 'ContentMismatch', [])
	await refused(asked([], 0, other.ref), 'NotSettledAtOnce', [0n])
})

test('a claim has at most 255 batches that await their verdict', async () => {
	const claim = await claimed([[0, 8]])
	await w.request(claim, [0])
	// As if 254 more had been asked for: bits 80 to 87 of the word behind the claim's.
	const slot = await claim_slot(claim)
	const value = BigInt(await w.chain.rpc('eth_getStorageAt', jobs.target, slot, 'latest'))
	assert.equal(value >> 80n & 255n, 1n)
	await w.chain.rpc('anvil_setStorageAt', jobs.target, slot, word(value | 255n << 80n))
	assert.equal((await w.get_claim(claim)).open, 255n)
	await refused(w.request(claim, [1]), 'TooManyOpen', [255n])
	await w.verify(claim, [1])
})

/* The word of what was verified of a claim: of all that were read for it the one that fits. */
async function claim_slot(claim) {
	const data = jobs.interface.encodeFunctionData('getClaim', [claim.job.id, claim.by.address, claim.ref.claimId])
	const { accessList } = await w.chain.rpc('eth_createAccessList', { to: jobs.target, data }, 'latest')
	const { verifiedChain } = await w.get_claim(claim)
	for (const slot of accessList.flatMap(a => a.storageKeys))
		if ((await w.chain.rpc('eth_getStorageAt', jobs.target, slot, 'latest')).startsWith(verifiedChain)) return slot
	throw new Error('no such word')
}

/* ---- what is refused ---- */

test("the verifiers' fee is at most half of the claim's", async () => {
	await run((await w.owner()).setVerifierFee(3000000))
	const claim = await claimed([[0, 5]])
	const half = 5n * claim.job.fee / 2n

	const first = event_of(await w.verify(claim, [0]), jobs, 'VerifyWithVerdicts')
	assert.equal(first.fee, half)
	assert.equal(event_of(await w.verify(claim, [1, 2]), jobs, 'VerifyWithVerdicts').fee, 0n)
	assert.equal((await w.get_claim(claim)).fees, 5n * claim.job.fee - half)
})

test('evidence that does not hold is refused', async () => {
	const claim = await claimed([[0, 4], [10, 4]])
	const bad = (sequences, tamper, name, args) => refused(tampered(claim, sequences, tamper), name, args)
	const nothing = () => {}

	await refused(jobs.connect(w.stranger).verifyWithVerdicts(...w.evidence(claim, [0]), pass), 'NotTranscoder', [claim.job.id, w.stranger])
	await bad([0], (ref, s, p) => { p.root = id('other') }, 'ContentMismatch', [])
	await bad([0], (ref, s, p) => { p.ranges = concat([p.ranges, p.ranges]) }, 'ContentMismatch', [])
	await bad([0], (ref, s, p) => { p.details.maxSegmentMs = 9999n }, 'DetailsMismatch', [])
	await bad([0], (ref, s, p) => { p.details.broadcaster = claim.by.address }, 'DetailsMismatch', [])
	await bad([0], (ref, s, p) => { p.details.segmentFee -= 1n }, 'DetailsMismatch', [])
	await bad([0], ref => { ref.claimId = 5n }, 'UnknownClaim', [claim.job.id, claim.by, 5n])
	await bad([0], (ref, s) => { s.length = 0 }, 'InvalidBatch', [0n, 64n])
	await bad([0], (ref, s) => { s.push(...Array(64).fill(s[0])) }, 'InvalidBatch', [65n, 64n])
	await bad([1, 2], (ref, s) => { s.reverse() }, 'NotAscending', [1n, 3n])
	await bad([1], (ref, s) => { s.push(s[0]) }, 'NotAscending', [1n, 2n])
	await bad([1], (ref, s) => { s[0].sequence = 7n }, 'NotInRanges', [7n])
	await bad([1], (ref, s) => { s[0].durationMs = 2001n }, 'SegmentTooLong', [1n, 2001n, 2000n])
	await bad([1], (ref, s) => { s[0].durationMs = 1999n }, 'BadSignature', ['broadcaster', 1n])
	await bad([1], (ref, s) => { s[0].sequence = 2n }, 'BadSignature', ['broadcaster', 2n])
	await bad([1], (ref, s) => { s[0].dataHash = id('x') }, 'BadSignature', ['broadcaster', 1n])
	await bad([1], (ref, s) => { s[0].broadcasterSig = high(s[0].broadcasterSig) }, 'BadSignature', ['broadcaster', 1n])
	await bad([1], (ref, s) => { s[0].broadcasterSig = split(`0x${'00'.repeat(65)}`) }, 'BadSignature', ['broadcaster', 1n])
	await bad([1], (ref, s) => { s[0].transcodedHash = id('x') }, 'BadSignature', ['transcoder', 1n])
	await bad([1], (ref, s) => { s[0].transcoderSig = high(s[0].transcoderSig) }, 'BadSignature', ['transcoder', 1n])
	await bad([1], (ref, s) => { s[0].transcoderSig = s[0].broadcasterSig }, 'BadSignature', ['transcoder', 1n])
	await run(tampered(claim, [1], nothing))
	await bad([1], nothing, 'NotAscending', [1n, 2n])
	await w.after(claim, 51)
	await bad([2], nothing, 'TooLate', [BigInt(claim.block + 50)])
})

test('proofs that do not lead to the root are refused', async () => {
	const claim = await claimed([[0, 7]])
	const bad = (sequences, tamper) => refused(tampered(claim, sequences, tamper), 'BadMerkleProof', [])

	await bad([1, 4], (ref, s, p) => { p.proof[0] = id('x') })
	await bad([1, 4], (ref, s, p) => { p.flagBits[0] ^= 1n })
	await bad([1, 4], (ref, s, p) => { p.flagCount += 1 })
	await bad([1, 4], (ref, s, p) => { p.proof.push(id('x')) })
	await bad([1, 4], (ref, s, p) => { p.proof.pop() })
	await bad([1, 4], (ref, s, p) => { p.flagBits = [] })
	await bad([1, 4], (ref, s, p) => { p.flagBits.push(0n) })
	await run(tampered(claim, [1, 4], () => {}))
})

test('a receipt that the root does not have is no proof, nor is a node of the tree a leaf', async () => {
	const job = await w.job()
	const { ranked } = await w.election(job)
	const receipts = w.receipts(job, ranked[0], [[0, 4]])
	const others = receipts.map((r, i) => i === 2 ? w.receipts({ ...job, stream: 'other' }, ranked[0], [[2, 1]])[0] : r)
	const claim = await w.claim(job, { receipts: others })
	await w.challenge_hash(claim)

	const honest = { ...claim, receipts }
	await run(jobs.connect(claim.by).verifyWithVerdicts(...w.evidence(honest, [0, 1]), pass))
	await refused(jobs.connect(claim.by).verifyWithVerdicts(...w.evidence(honest, [2]), pass), 'BadMerkleProof', [])
	// The tree's own node as the leaf of a shorter proof: leaves are hashed twice, nodes once.
	const [ref, segments, proof] = w.evidence(honest, [3])
	proof.proof.splice(0, 1)
	proof.flagCount -= 1
	await refused(jobs.connect(claim.by).verifyWithVerdicts(ref, segments, proof, pass), 'BadMerkleProof', [])
})

test('signatures of another job, transcoder or contract do not count', async () => {
	const first = await claimed()
	const job = await w.job()
	const { ranked } = await w.election(job)
	const stolen = w.receipts(first.job, first.by, [[0, 4]])
	const claim = await w.claim(job, { by: ranked[0], receipts: stolen })
	await w.challenge_hash(claim)
	await refused(jobs.connect(claim.by).verifyWithVerdicts(...w.evidence(claim, [0]), pass), 'BadSignature', ['broadcaster', 0n])
})

test('only challenged segments are verified', async () => {
	await run((await w.owner()).setVerificationRate(3))
	const claim = await claimed([[0, 60]])
	const challenged = await w.challenged(claim, 3)
	await w.chain.mine(1)
	const [seed, listed] = await jobs.getChallenges(claim.job.id, claim.by.address, 0, claim.bytes)
	const free = Array.from({ length: 60 }, (_, i) => BigInt(i)).find(s => !challenged.includes(s))

	assert.equal(seed, await w.challenge_hash(claim))
	assert.deepEqual([...listed], challenged)
	assert.ok(challenged.length > 5 && challenged.length < 40)
	await refused(tampered(claim, [free], () => {}), 'NotChallenged', [free])
	await w.verify(claim, challenged)
	await refused(jobs.getChallenges(claim.job.id, claim.by.address, 1, claim.bytes), 'UnknownClaim', [claim.job.id, claim.by, 1n])
})

test('nothing can be verified before the challenge', async () => {
	const claim = await w.claim(await w.job())
	await refused(tampered(claim, [0], () => {}), 'BlockHashUnavailable', [BigInt(claim.block + 1)])
})

/* ---- fees ---- */

test('fees are paid when the time for everything else is over', async () => {
	const claim = await claimed()
	const from = BigInt(claim.block + 70)
	await w.verify(claim, [0, 1, 2, 3])
	const fees = 4n * claim.job.fee - 4n * claim.job.fee * 3n / 10n

	await refused(w.distribute(claim), 'TooEarly', [from])
	await w.chain.next_is(Number(from) - 1)
	await refused(w.distribute(claim), 'TooEarly', [from])
	await w.chain.mine(1)
	await run(w.verifier.setOpen(claim.ref, true))
	await refused(w.distribute(claim), 'NotSettled', [claim.job.id, claim.by, 0n])
	await run(w.verifier.setOpen(claim.ref, false))
	const receipt = await w.distribute(claim)
	expect_event(receipt, jobs, 'DistributeFees', [claim.by, claim.job.id, 0n, fees])
	expect_event(receipt, w.bonding, 'Fees', [claim.by, fees, (await jobs.getJob(1)).creationRound, fees])
	assert.equal((await w.get_claim(claim)).status, STATUS.Paid)
	assert.equal((await jobs.getJob(1)).pendingClaims, 0n)
	await refused(w.distribute(claim), 'ClaimNotPending', [STATUS.Paid])
	await refused(jobs.distributeFees(1, w.stranger.address, 0), 'UnknownClaim', [1n, w.stranger, 0n])
	await refused(jobs.distributeFees(1, claim.by.address, 2n ** 32n), 'SafeCastOverflowedUintDowncast', [32n, 2n ** 32n])
})

test('oracle silence does not pay: without a verdict no fees', async () => {
	const claim = await claimed()
	await w.request(claim, [0, 1])
	await w.verify(claim, [2, 3])
	await w.after(claim, 70)
	await refused(w.distribute(claim), 'VerdictsAwaited', [1n])
	const settled = (await w.get_claim(claim)).settledAt
	const late = await run(w.as_verifier().receiveVerdicts(claim.ref, 0, 2, false, [], 0))
	assert.ok(settled < late.blockNumber)
	assert.equal((await w.get_claim(claim)).settledAt, BigInt(late.blockNumber))
	await w.distribute(claim)
})

test('several claims are paid at once, and one that cannot be stops only that call', async () => {
	const job = await w.job()
	const claims = [await w.claim(job, { ranges: [[0, 2]] }), await w.claim(job, { ranges: [[2, 2]] })]
	await w.after(claims[1], 70)
	await run(w.bonding.setRefuses(true))
	await expect_revert(jobs.batchDistributeFees(claims.map(c => c.ref)), w.bonding, 'Refused', [])
	await run(w.bonding.setRefuses(false))
	const receipt = await run(jobs.batchDistributeFees(claims.map(c => c.ref)))
	assert.equal(events_of(receipt, w.bonding, 'Fees').length, 2)
	assert.equal(await w.chain.balance(jobs), (await jobs.getJob(1)).escrow)
})

test('a job at price 0 pays nothing, and nothing is in the way', async () => {
	for (const [i, t] of w.transcoders.entries()) await w.stake(t, BigInt(i + 1) * ETH, 0n)
	const claim = await claimed([[0, 2]], await w.job({ price: 0n, escrow: 0n }))
	await w.verify(claim, [0, 1])
	await w.after(claim, 70)
	const receipt = await w.distribute(claim)
	assert.equal(events_of(receipt, w.bonding, 'Fees').length, 0)
	assert.equal((await w.get_claim(claim)).status, STATUS.Paid)
})

/* ---- verdicts later ---- */

test('two transactions: the request goes to the Verifier with its fee', async () => {
	const claim = await claimed()
	const receipt = await w.request(claim, [0, 2])
	const { request } = event_of(receipt, w.verifier, 'Asked')
	const work = work_hash([0, 2].map(i => claim.receipts[i]))
	const fee = 2n * claim.job.fee * 3n / 10n

	expect_event(receipt, jobs, 'Verify', [claim.by, claim.job.id, 0n, [0n, 2n], work])
	assert.deepEqual([...request.ref], [claim.job.id, claim.by.address, 0n])
	assert.deepEqual([...request].slice(1), [0n, w.broadcaster.address, await w.challenge_hash(claim), BigInt(claim.block + 1), work, 2n, fee])
	assert.deepEqual([(await w.get_claim(claim)).open, (await w.get_claim(claim)).settledAt], [1n, 0n])
	assert.equal(event_of(await w.request(claim, [3]), w.verifier, 'Asked').request.batch, 2n)
	await refused(jobs.receiveVerdicts(claim.ref, 0, 2, true, [], 0), 'OnlyVerifier', [w.kit.deployer])
	await refused(jobs.receiveNoVerdict(claim.ref, [], 0), 'OnlyVerifier', [w.kit.deployer])
})

test('a PASS after an appeal is no verdict that an appeal may follow', async () => {
	const claim = await claimed()
	const { request } = event_of(await w.request(claim, [0, 2]), w.verifier, 'Asked')
	await run(w.as_verifier().receiveVerdicts(claim.ref, 0, 2, true, [JUDGES[2].address], request.fee))
	const c = await w.get_claim(claim)
	assert.deepEqual([c.open, c.settledAt], [0n, 0n])
	assert.equal(await jobs.verifierFees(JUDGES[2].address), request.fee)
})

test('a verdict that is not PASS waits until it is final, then voids this claim only', async () => {
	const job = await w.job()
	const first = await w.claim(job, { ranges: [[0, 4]] })
	const other = await w.claim(job, { ranges: [[4, 4]] })
	await w.request(first, [0, 1])
	const v = w.as_verifier()
	const fees = 4n * job.fee - 2n * job.fee * 3n / 10n

	await run(v.receiveVerdicts(first.ref, 0b0100n, 2, false, [JUDGES[0].address], 5))
	assert.equal(await jobs.verifierFees(JUDGES[0].address), 5n)
	assert.equal((await w.get_claim(first)).status, STATUS.Pending)
	const escrow = (await jobs.getJob(job.id)).escrow
	const receipt = await run(v.receiveVerdicts(first.ref, 0b0100n, 2, true, [], 0))
	expect_event(receipt, jobs, 'ClaimVoided', [first.by, job.id, 0n, VOID.Failed, fees])
	assert.equal(events_of(receipt, w.bonding, 'Slashed').length, 0, 'one failure is below the threshold')
	assert.equal((await jobs.getJob(job.id)).escrow, escrow + fees)
	assert.equal((await w.get_claim(first)).status, STATUS.Void)
	assert.equal((await w.get_claim(other)).status, STATUS.Pending)
	// Whatever comes for a claim that is over changes nothing.
	for (const [verdicts, isFinal] of [[0n, true], [1n, true], [0n, false]])
		await run(v.receiveVerdicts(first.ref, verdicts, 2, isFinal, [], 0))
	assert.equal((await jobs.getJob(job.id)).escrow, escrow + fees)
	await refused(tampered(first, [2], () => {}), 'ClaimNotPending', [STATUS.Void])
})

test('reasons: FAIL before INVALID_INPUT before UNAVAILABLE', async () => {
	const job = await w.job()
	const cases = [[0b111001n, VOID.Failed], [0b111000n, VOID.Invalid], [0b110000n, VOID.Unavailable]]
	for (const [i, [verdicts, reason]] of cases.entries()) {
		const claim = await w.claim(job, { ranges: [[4 * i, 4]] })
		await w.request(claim, [4 * i, 4 * i + 1, 4 * i + 2])
		const receipt = await run(w.as_verifier().receiveVerdicts(claim.ref, verdicts, 3, true, [], 0))
		assert.equal(event_of(receipt, jobs, 'ClaimVoided').reason, reason)
		assert.equal(events_of(receipt, w.bonding, 'Slashed').length, 0)
	}
})

test('failures are slashed above the larger of one and the threshold', async () => {
	const job = await w.job()
	const v = w.as_verifier()
	const claims = []
	for (let i = 0; i < 4; i++) claims.push(await w.claim(job, { ranges: [[20 * i, 20]] }))
	for (const c of claims.slice(0, 3)) await w.request(c, [c.receipts[0].sequence, c.receipts[1].sequence])
	await w.verify(claims[3], claims[3].receipts.slice(0, 10).map(r => r.sequence))
	await w.after(claims[3], 70)
	await w.distribute(claims[3])

	// 20 % of 12 judged are 2.4, of 14 2.8, of 16 3.2
	const slashes = async c => events_of(await run(v.receiveVerdicts(c.ref, 1n, 2, true, [], 0)), w.bonding, 'Slashed')
	assert.equal((await slashes(claims[0])).length, 0)
	assert.equal((await slashes(claims[1])).length, 0)
	const more = await w.claim(job, { ranges: [[200, 4]] })
	await w.request(more, [200])
	assert.equal((await slashes(claims[2])).length, 0, '3 of 16')
	const [slashed] = events_of(await run(v.receiveVerdicts(more.ref, 1n, 1, true, [], 0)), w.bonding, 'Slashed')
	assert.deepEqual([...slashed], [more.by.address, toBeHex(0, 20), 50000n, 0n], '4 of 17')
})

test('no verdict: refunded, the fee too when nobody answered, nobody slashed', async () => {
	const claim = await claimed()
	const { fee } = event_of(await w.request(claim, [0, 1]), w.verifier, 'Asked').request
	const second = event_of(await w.request(claim, [2]), w.verifier, 'Asked').request
	const receipt = await run(w.as_verifier().receiveNoVerdict(claim.ref, [], fee))

	expect_event(receipt, jobs, 'ClaimVoided', [claim.by, claim.job.id, 0n, VOID.NoVerdict, 4n * claim.job.fee - fee - second.fee])
	assert.equal((await jobs.getJob(claim.job.id)).escrow, ETH - second.fee)
	const [a, b] = JUDGES.map(j => j.address)
	await run(w.as_verifier().receiveNoVerdict(claim.ref, [b, a], second.fee))
	assert.equal((await jobs.getJob(claim.job.id)).escrow, ETH - second.fee)
	assert.deepEqual([await jobs.verifierFees(b), await jobs.verifierFees(a)], [second.fee - second.fee / 2n, second.fee / 2n])
})

test('a change of parameters does not touch claims that there are', async () => {
	const owner = await w.owner()
	const old = await claimed()
	await run(owner.setVerificationPeriods(10, 5))
	await run(owner.setVerificationRate(1000000))
	await run(owner.setVerifierFee(0))
	const fresh = await w.claim(old.job, { ranges: [[10, 4]] })

	assert.deepEqual([...await jobs.claimDeadlines(1, old.by.address, 0)], [50n, 69n, 70n].map(n => n + BigInt(old.block)))
	assert.deepEqual([...await jobs.claimDeadlines(1, old.by.address, 1)], [10n, 14n, 15n].map(n => n + BigInt(fresh.block)))
	assert.equal(event_of(await w.verify(old, [0, 1]), jobs, 'VerifyWithVerdicts').fee, 2n * old.job.fee * 3n / 10n)
	await w.chain.mine(1)
	await refused(tampered(fresh, [10], () => {}), 'NotChallenged', [10n])
	await w.after(fresh, 15)
	await w.distribute(fresh)
	assert.equal((await w.get_claim(old)).status, STATUS.Pending)
})
