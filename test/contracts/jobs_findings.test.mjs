// What finders, broadcasters with plants, and the owner may do.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { id, toBeHex } from 'ethers'
import { abi_hash, events_of, expect_event, expect_revert, run } from './lib/kit.mjs'
import { JUDGES, PARAMETERS, STATUS, VOID, World, pack } from './lib/jobs.mjs'

let w, jobs
before(async () => {
	w = await World.start()
	jobs = w.jobs
})
after(() => w.kit.stop())
beforeEach(() => w.kit.reset())

const refused = (promise, name, args) => expect_revert(promise, jobs, name, args)
const NONE = toBeHex(0, 32)
const NOBODY = toBeHex(0, 20)
const salt = id('salt')

const commit = (finder, action) =>
	run(w.bonding.connect(finder).commitFinding(abi_hash(['address', 'bytes32', 'bytes32'], [finder.address, salt, action])))
const missed_action = (c, sequence) =>
	abi_hash(['string', 'uint256', 'address', 'uint32', 'uint64'], ['missedVerification', c.ref.jobId, c.ref.transcoder, c.ref.claimId, sequence])
const refute_action = (job, who) => abi_hash(['string', 'uint256', 'address'], ['refuteElection', job.id, who.address])
const missed = (c, sequence, batches = c.batches ?? [], salt_ = NONE, by = w.finder) =>
	jobs.connect(by).missedVerificationSlash(c.ref, sequence, c.bytes, c.root, batches, salt_)

/* ---- missed verification ---- */

test('a challenged segment that was not verified: void, refunded, slashed, once', async () => {
	const job = await w.job()
	const claim = await w.claim(job, { ranges: [[0, 4]] })
	const other = await w.claim(job, { ranges: [[4, 4]] })
	await w.verify(claim, [0])
	await w.request(claim, [2])
	const [first, second] = claim.batches
	const left = 4n * job.fee - 2n * job.fee * 3n / 10n
	const until = BigInt(claim.block + 50)

	await refused(missed(claim, 1), 'TooEarly', [until + 1n])
	await w.chain.next_is(Number(until))
	await refused(missed(claim, 1), 'TooEarly', [until + 1n])
	await w.chain.mine(1)
	await refused(missed(claim, 0), 'AlreadyVerified', [0n])
	await refused(missed(claim, 2), 'AlreadyVerified', [2n])
	await refused(missed(claim, 1, [first]), 'ContentMismatch', [])
	await refused(missed(claim, 2, [first]), 'ContentMismatch', [])
	await refused(missed(claim, 1, [second, first]), 'ContentMismatch', [])
	await refused(missed(claim, 1, [{ ...first, signers: [] }, second]), 'ContentMismatch', [])
	await refused(missed(claim, 1, [{ ...first, work: id('x') }, second]), 'ContentMismatch', [])
	await refused(missed(claim, 0, [{ ...first, sequences: [1] }, second]), 'ContentMismatch', [])
	await refused(missed(claim, 4), 'NotInRanges', [4n])
	await refused(missed({ ...claim, root: id('x') }, 1), 'ContentMismatch', [])
	await refused(missed({ ...claim, bytes: pack([[0, 5]]) }, 4), 'ContentMismatch', [])
	await commit(w.finder, missed_action(claim, 1))
	const receipt = await run(missed(claim, 1, claim.batches, salt))
	expect_event(receipt, jobs, 'ClaimVoided', [claim.by, job.id, 0n, VOID.Missed, left])
	expect_event(receipt, w.bonding, 'Slashed', [claim.by, w.finder, 100000n, 50000n])
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	assert.equal((await w.get_claim(other)).status, STATUS.Pending)
	await refused(missed(claim, 3), 'ClaimNotPending', [STATUS.Void])
	await w.after(other, 70)
	await refused(missed(other, 5, []), 'TooLate', [BigInt(other.block + 69)])
	await refused(w.distribute(claim), 'ClaimNotPending', [STATUS.Void])
})

test('the finder is paid for a commitment of an earlier block and for none else', async () => {
	const job = await w.job()
	const claims = []
	for (let i = 0; i < 3; i++) claims.push(await w.claim(job, { ranges: [[4 * i, 4]] }))
	await w.after(claims[2], 51)
	const slashed = async promise => events_of(await run(promise), w.bonding, 'Slashed').map(e => [e.finder, e.finderFee])

	assert.deepEqual(await slashed(missed(claims[0], 0, [])), [[NOBODY, 0n]])
	await commit(w.stranger, missed_action(claims[1], 4))
	assert.deepEqual(await slashed(missed(claims[1], 4, [], salt)), [[NOBODY, 0n]], "another's commitment")
	await commit(w.finder, missed_action(claims[2], 9))
	assert.deepEqual(await slashed(missed(claims[2], 8, [], salt)), [[NOBODY, 0n]], 'to another finding')
})

test('a segment that was not challenged was not missed', async () => {
	await run((await w.owner()).setVerificationRate(3))
	const claim = await w.claim(await w.job(), { ranges: [[0, 40]] })
	const challenged = await w.challenged(claim, 3)
	const free = Array.from({ length: 40 }, (_, i) => BigInt(i)).find(s => !challenged.includes(s))

	await w.after(claim, 51)
	await refused(missed(claim, free, []), 'NotChallenged', [free])
	await run(missed(claim, challenged[0], []))
})

/* ---- elections refuted ---- */

test('a rank that another has: all pending claims void at once, refunded, slashed', async () => {
	const job = await w.job()
	const { ranked } = await w.election(job)
	const [best, cheat] = ranked
	const honest = await w.claim(job, { by: best })
	const claims = []
	for (let i = 0; i < 3; i++) claims.push(await w.claim(job, { by: cheat, ranges: [[10 * i, 4]] }))
	await w.request(claims[0], [0])
	const refute = (better, salt_ = NONE) => jobs.connect(w.finder).refuteElection(job.id, cheat.address, better.map(b => b.address ?? b), salt_)
	const fees = (await Promise.all(claims.map(c => w.get_claim(c)))).reduce((sum, c) => sum + c.fees, 0n)
	const escrow = (await jobs.getJob(job.id)).escrow

	await refused(refute([]), 'NotEnoughBetter', [0n, 1n])
	await refused(refute([cheat]), 'NotBetter', [cheat])
	await refused(refute([ranked[2]]), 'NotBetter', [ranked[2]])
	await refused(refute([w.stranger]), 'NotBetter', [w.stranger])
	await refused(refute([best, best]), 'NotBetter', [best])
	await refused(jobs.refuteElection(9, cheat.address, [], NONE), 'UnknownJob', [9n])
	await refused(jobs.refuteElection(job.id, ranked[3].address, [best.address], NONE), 'UnknownClaim', [job.id, ranked[3], 0n])
	await refused(jobs.refuteElection(job.id, best.address, [cheat.address], NONE), 'NotBetter', [cheat])
	await commit(w.finder, refute_action(job, cheat))
	const receipt = await run(refute([best], salt))
	expect_event(receipt, jobs, 'ElectionRefuted', [cheat, job.id, [best.address], fees])
	expect_event(receipt, w.bonding, 'Slashed', [cheat, w.finder, 50000n, 50000n])
	const j = await jobs.getJob(job.id)
	assert.deepEqual([j.escrow, j.pendingClaims], [escrow + fees, 1n])
	for (const c of claims) assert.deepEqual([(await w.get_claim(c)).status, (await w.get_claim(c)).fees], [STATUS.Void, 0n])
	assert.deepEqual([...await jobs.progress(job.id, cheat.address)], [24n, 3n, 0n, false, true])
	assert.equal((await w.get_claim(honest)).status, STATUS.Pending)

	await refused(refute([best]), 'ClaimNotPending', [STATUS.Void])
	await refused(w.verify(claims[1], [10]), 'ClaimNotPending', [STATUS.Void])
	await refused(jobs.connect(cheat).claimWork(job.id, pack([[90, 1]]), NONE, NONE, '0x'), 'NotEligible', [job.id, cheat])
	await run(w.as_verifier().receiveVerdicts(claims[0].ref, 1, 1, true, [], 0))
	await run(w.as_verifier().receiveNoVerdict(claims[0].ref, [], 0))
	assert.equal((await jobs.getJob(job.id)).escrow, escrow + fees)
})

test('a fallback is refuted by as many as its rank and one more', async () => {
	const job = await w.job()
	const { ranked } = await w.election(job)
	const third = ranked[2]
	await w.claim(job, { by: third, fallback: w.fallback(job, 1, third, 0) })
	const refute = better => jobs.connect(w.finder).refuteElection(job.id, third.address, better.map(b => b.address), NONE)
	const better = ranked.slice(0, 2).sort((a, b) => BigInt(a.address) < BigInt(b.address) ? -1 : 1)

	await refused(refute([ranked[0]]), 'NotEnoughBetter', [1n, 2n])
	await refused(refute([...better].reverse()), 'NotBetter', [better[0]])
	await run(refute(better))
	const other = await w.job()
	const e = await w.election(other)
	await w.claim(other, { by: e.ranked[1], fallback: w.fallback(other, 1, e.ranked[1], 0) })
	await refused(jobs.refuteElection(other.id, e.ranked[1].address, [e.ranked[0].address], NONE), 'NotEnoughBetter', [1n, 2n])
})

test('what was paid is refuted no more', async () => {
	const job = await w.job()
	const { ranked } = await w.election(job)
	const claim = await w.claim(job, { by: ranked[1] })
	await w.after(claim, 70)
	await w.distribute(claim)
	await refused(jobs.refuteElection(job.id, ranked[1].address, [ranked[0].address], NONE), 'ClaimNotPending', [STATUS.Paid])
})

/* ---- plants ---- */

test('a plant revealed: the claim is void, and it costs the whole escrow', async () => {
	const planted = [1n, 2n]
	const job = await w.job({ salt, planted })
	const claim = await w.claim(job)
	const other = await w.claim(job, { ranges: [[10, 2]] })
	await w.verify(claim, [1, 2])
	const reveal = (over = {}, by = w.broadcaster) => {
		const a = { ref: claim.ref, details: job.details, salt, planted, ...over }
		return jobs.connect(by).revealPlanted(a.ref, a.details, a.salt, a.planted, '0x')
	}
	const reserved = (await w.get_claim(other)).fees
	const held = await w.chain.balance(jobs)
	const owed = await jobs.verifierFees(JUDGES[0].address)
	const paid = 2n * job.fee * 3n / 10n

	await refused(reveal({}, w.stranger), 'NotBroadcaster', [job.id, w.stranger])
	await refused(reveal({ ref: { ...claim.ref, jobId: 9n } }), 'UnknownJob', [9n])
	await refused(reveal({ ref: { ...claim.ref, claimId: 9n } }), 'UnknownClaim', [job.id, claim.by, 9n])
	await refused(reveal({ salt: id('other') }), 'PlantMismatch', [])
	await refused(reveal({ planted: [1n] }), 'PlantMismatch', [])
	await refused(reveal({ details: { ...job.details, plantCommitment: id('x') } }), 'DetailsMismatch', [])
	const receipt = await run(reveal())
	const forfeited = held - reserved - paid
	expect_event(receipt, jobs, 'PlantRevealed', [w.broadcaster, job.id, claim.by, 0n, planted, forfeited])
	expect_event(receipt, w.verifier, 'Planted', [[job.id, claim.by.address, 0n], w.broadcaster, planted])
	assert.equal(await jobs.verifierFees(JUDGES[0].address), owed + forfeited, 'to whom the Verifier named')
	assert.equal(await w.chain.balance(jobs), held)
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	assert.equal((await w.get_claim(other)).fees, reserved)
	assert.equal((await jobs.getJob(job.id)).escrow, 0n)
	await refused(reveal(), 'ClaimNotPending', [STATUS.Void])
})

test('a job without a plant has none to reveal', async () => {
	const job = await w.job()
	const claim = await w.claim(job)
	await refused(jobs.connect(w.broadcaster).revealPlanted(claim.ref, job.details, NONE, [], '0x'), 'PlantMismatch', [])
})

/* ---- pause ---- */

test('while paused nothing but withdrawals', async () => {
	const job = await w.job()
	const claim = await w.claim(job)
	await run(w.kit.sys.Controller.connect(await w.kit.as_owner()).pause())
	const [ref, by] = [claim.ref, jobs.connect(w.broadcaster)]
	const calls = [
		by.topUp(1, 0), by.endJob(1), by.refund(1), by.distributeFees(1, ref.transcoder, 0), by.batchDistributeFees([]),
		by.verify(...w.evidence(claim, [0]), '0x'), by.verifyWithVerdicts(...w.evidence(claim, [0]), '0x'), missed(claim, 0, []),
		by.refuteElection(1, ref.transcoder, [], NONE), by.voidUnsealed(ref), by.revealPlanted(ref, job.details, NONE, [], '0x'),
	]
	for (const result of await Promise.allSettled(calls))
		await refused(() => { if (result.reason) throw result.reason }, 'ManagerPaused', [])
})

/* ---- parameters ---- */

test('parameters: what they are, whose they are, how far they go', async () => {
	const owner = await w.owner()
	for (const [name, value] of Object.entries(PARAMETERS)) assert.equal(await jobs[name](), BigInt(value), name)
	assert.equal(await jobs.finderFee(), 50000n)
	assert.equal(await jobs.finality(), 100n + 50n + 60n)

	const set = async (name, args, read) => {
		await expect_revert(jobs.connect(w.stranger)[name](...args), jobs, 'OnlyControllerOwner', [w.stranger])
		const receipt = await run(owner[name](...args))
		assert.equal(events_of(receipt, jobs, 'ParameterUpdate').length, 1)
		for (const [i, r] of read.entries()) assert.equal(await jobs[r](), BigInt(args[i]), r)
	}
	await set('setVerificationRate', [7], ['verificationRate'])
	await set('setVerificationPeriods', [30, 90], ['verificationPeriod', 'slashingPeriod'])
	assert.equal(await jobs.finality(), 100n + 30n + 90n)
	await set('setClaimPeriod', [880], ['claimPeriod'])
	await set('setVerifierFee', [5000000], ['verifierFee'])
	await set('setFailedVerificationSlashAmount', [1000000], ['failedVerificationSlashAmount'])
	await set('setMissedVerificationSlashAmount', [0], ['missedVerificationSlashAmount'])
	await set('setVerificationFailureThreshold', [123], ['verificationFailureThreshold'])
	assert.deepEqual([...await jobs.claimParams(4)], [7n, 30n, 90n, 880n, 5000000n])

	const invalid = (promise, name, value) => refused(promise, 'InvalidParameter', [name, BigInt(value)])
	await invalid(owner.setVerificationRate(0), 'verificationRate', 0)
	await invalid(owner.setVerificationRate(2n ** 32n), 'verificationRate', 2n ** 32n)
	await invalid(owner.setVerificationPeriods(1, 20), 'verificationPeriod', 1)
	await invalid(owner.setVerificationPeriods(20, 1), 'slashingPeriod', 1)
	await invalid(owner.setVerificationPeriods(30, 91), 'verificationPeriods', 1001)
	await invalid(owner.setClaimPeriod(0), 'claimPeriod', 0)
	await invalid(owner.setClaimPeriod(881), 'claimPeriod', 1001)
	await invalid(owner.setVerifierFee(2n ** 32n), 'verifierFee', 2n ** 32n)
	await invalid(owner.setFailedVerificationSlashAmount(1000001), 'failedVerificationSlashAmount', 1000001)
	await invalid(owner.setMissedVerificationSlashAmount(1000001), 'missedVerificationSlashAmount', 1000001)
	await invalid(owner.setVerificationFailureThreshold(1000001), 'verificationFailureThreshold', 1000001)
	const again = jobs.initialize(...Array(8).fill(1))
	await refused(again, 'InvalidInitialization', [])
	assert.equal(await jobs.numJobs(), 0n)
})
