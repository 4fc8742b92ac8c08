// JobsManager and Verifier together, each behind its proxy; the BondingManager is a mock.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { concat } from 'ethers'
import { ETH, PARAMETERS, STATUS, VOID, World, work_hash } from './lib/jobs.mjs'
import { request_of } from './lib/whole.mjs'
import { FAIL, UNAVAILABLE, all, answers_of, opening, plant_proof, planted_hash, statement } from './lib/court.mjs'
import { LPT, abi_hash, event_of, events_of, expect_event, expect_revert, make_receipt, run, start, word } from './lib/kit.mjs'

const VERIFIERS = 20
const JUDGES = {
	committee: 5, quorum: 3, extensionDraws: 5, juryDraws: 15, juryQuorum: 4, verdictPeriod: 10, appealPeriod: 20, juryPeriod: 10,
}

class Judged extends World {
	static async start() {
		const w = new Judged()
		const kit = await start({
			accounts: 8 + VERIFIERS,
			only: ['RoundsManager', 'Minter', 'LivepeerToken', 'Treasury', 'JobsManager', 'Verifier'],
			parameters: { JobsManager: PARAMETERS, Verifier: JUDGES },
		})
		Object.assign(w, { kit, chain: kit.chain, jobs: kit.sys.JobsManager, rounds: kit.sys.RoundsManager, verifier: kit.sys.Verifier })
		;[w.broadcaster, ...w.transcoders] = kit.accounts.slice(0, 5)
		;[w.finder, w.stranger] = kit.accounts.slice(5)
		w.verifiers = kit.accounts.slice(8)
		w.bonding = await w.mock('BondingManager', 'MockBonding')
		await run(w.bonding.setFinderFee(50000))
		await run(w.bonding.setSlashablePeriod(1000))
		for (const [i, t] of w.transcoders.entries()) await w.stake(t, BigInt(i + 1) * 100n * ETH)
		for (const a of [...w.verifiers, w.finder]) {
			await kit.give(a, 200n * LPT)
			await run(kit.sys.LivepeerToken.connect(a).approve(w.verifier.target, 200n * LPT))
		}
		for (const a of w.verifiers) await run(w.verifier.connect(a).joinSeats(1))
		await kit.ensure_round()
		await kit.keep()
		return w
	}

	/* What JobsManager sends the Verifier for this batch. */
	async request_of(claim, sequences, batch = 0) {
		const seed = await this.challenge_hash(claim)
		const chosen = sequences.map(s => claim.receipts.find(r => r.sequence === BigInt(s)))
		const fee = claim.job.fee * BigInt(sequences.length) * BigInt(PARAMETERS.verifierFee) / 1000000n
		const r = {
			ref: claim.ref, batch, broadcaster: claim.job.by.address, seed, challengeBlock: claim.block + 1,
			work: work_hash(chosen), count: sequences.length, fee,
		}
		const draws = [...await this.verifier.getDraws(r, 0, 20)]
		return { ...r, draws, seated: draws.filter(d => !d.empty && d.k < 5n) }
	}

	account(address) { return this.kit.accounts.find(a => a.address === address) }

	/* Openings of the first n that are not empty draws, all with these answers. */
	openings(r, answers = 0n, n = 3) {
		return concat(r.seated.slice(0, n).map(d => opening(this.jobs, this.account(d.owner), Number(d.k), answers, r)))
	}

	/* A job with a claim whose committee has at least three; change: makes other receipts. */
	async new_claim(ranges, sequences, options = {}, change = list => list) {
		for (;; await this.chain.mine(1)) {
			const job = await this.job(options)
			const { ranked: [by] } = await this.election(job)
			const claim = await this.claim(job, { by, ranges, receipts: change(this.receipts(job, by, ranges), job, by) })
			const r = await this.request_of(claim, sequences)
			if (r.seated.length >= 3) return { claim, r, job }
		}
	}

	async settle(claim, sequences, openings) {
		return this.note(claim, await run(this.jobs.connect(claim.by).verifyWithVerdicts(...this.evidence(claim, sequences), openings)))
	}

	async ask(claim, sequences, statements = '0x') {
		return this.note(claim, await run(this.jobs.connect(claim.by).verify(...this.evidence(claim, sequences), statements)))
	}

	/* Makes the Record of a batch that was settled: { real, decision }, what an appeal takes. */
	async record(claim, index = 0) {
		const receipt = await run(this.verifier.connect(this.stranger).record(claim.ref, claim.batches, index))
		const { request, answers, deadline } = event_of(receipt, this.verifier, 'Recorded')
		return { real: request_of(request), decision: { verdicts: 0n, answers: [...answers] }, deadline }
	}

	/* The request that `expected` became, with its fee. */
	async asked(claim, expected, sequences, statements) {
		const { request } = event_of(await this.ask(claim, sequences, statements), this.verifier, 'Requested')
		return { ...expected, fee: request.fee }
	}

	decision(receipt) {
		const { verdicts, answers } = event_of(receipt, this.verifier, 'Decided')
		return { verdicts, answers: [...answers] }
	}

	async jury(r, decision, answers) {
		await this.chain.mine(2)
		const [seed, draws] = await this.verifier.getJury(r, decision, 0, 15)
		const work = abi_hash(['bytes32', 'bytes32'], [r.work, seed])
		const seated = [...draws].filter(d => !d.empty).slice(0, JUDGES.juryQuorum)
		return concat(seated.map(d => opening(this.jobs, this.account(d.owner), Number(d.k), answers, { ...r, work })))
	}
}

let w, v
before(async () => {
	w = await Judged.start()
	v = w.verifier
})
after(() => w.kit.stop())
beforeEach(() => w.kit.reset())

const SEQUENCES = [0, 1, 2, 3]

test('settled, and paid once no appeal may come', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES)
	const held = await w.chain.balance(w.jobs)
	await w.after(claim, PARAMETERS.verificationPeriod)
	const receipt = await w.settle(claim, SEQUENCES, w.openings(r))
	const { fee, signers } = event_of(receipt, w.jobs, 'VerifyWithVerdicts')
	assert.equal(fee, r.fee)
	assert.deepEqual([...signers], r.seated.slice(0, 3).map(d => BigInt(d.owner) | d.seatId << 160n | d.k << 208n))
	for (const d of r.seated.slice(0, 3)) assert.ok(await w.jobs.verifierFees(d.owner) >= fee / 3n)
	assert.equal(await w.chain.balance(v), 0n)
	assert.equal(await w.chain.balance(w.jobs), held)
	// Payable from block 70, but the last block for an appeal is 50 + 20.
	await w.after(claim, 70)
	await expect_revert(w.distribute(claim), w.jobs, 'NotSettled', [job.id, claim.by, claim.ref.claimId])
	await w.after(claim, 71)
	const paid = await w.distribute(claim)
	expect_event(paid, w.jobs, 'DistributeFees', [claim.by, job.id, claim.ref.claimId, 4n * job.fee - fee])
	assert.equal((await w.get_claim(claim)).status, STATUS.Paid)
	assert.equal(await w.chain.balance(w.jobs), held - 4n * job.fee + fee)
	for (const d of r.seated.slice(0, 3)) await run(w.jobs.withdrawVerifierFees(d.owner))
	assert.equal(await w.chain.balance(w.jobs), held - 4n * job.fee)
	await expect_revert(v.record(claim.ref, claim.batches, 0), v, 'TooLate', [claim.block + 70])
})

test('a record is of the batch that was settled, whoever forges what', async () => {
	const { claim, r } = await w.new_claim([[0, 8]], SEQUENCES)
	await w.settle(claim, SEQUENCES, w.openings(r))
	const rest = [4, 5]
	await w.asked(claim, await w.request_of(claim, rest, 4), rest)
	const record = (batches, index = 0, ref = claim.ref) => v.record(ref, batches, index)
	const forged = (over, index = 0) => claim.batches.map((b, i) => i === index ? { ...b, ...over } : b)
	const refused = (promise, name, args) => expect_revert(promise, w.jobs, name, args)
	const [settled, asked] = claim.batches
	await refused(record(forged({ sequences: [0, 1, 2] })), 'ContentMismatch', [])
	await refused(record(forged({ work: word(1) })), 'ContentMismatch', [])
	await refused(record(forged({ signers: settled.signers.slice(1) })), 'ContentMismatch', [])
	await refused(record(forged({ signers: settled.signers.map(s => s ^ 1n << 160n) })), 'ContentMismatch', [])
	await refused(record([settled]), 'ContentMismatch', [])
	await refused(record([asked, settled]), 'ContentMismatch', [])
	await refused(record(claim.batches, 1), 'NotSettledAtOnce', [1])
	await refused(record(forged({ signers: settled.signers }, 1), 1), 'ContentMismatch', [])
	await refused(record(claim.batches, 2), 'NotSettledAtOnce', [2])
	await refused(record(claim.batches, 0, { ...claim.ref, claimId: 9 }), 'UnknownClaim', [claim.job.id, claim.by, 9])
	const { real, deadline } = await w.record(claim)
	assert.deepEqual([real.batch, real.count, real.fee, real.seed, real.work], [0n, 4n, r.fee, r.seed, r.work])
	assert.deepEqual([real.broadcaster, real.challengeBlock], [w.broadcaster.address, BigInt(claim.block + 1)])
	assert.equal(deadline, (await w.get_claim(claim)).settledAt + 20n)
	await expect_revert(record(claim.batches), v, 'WrongPhase', [2])
})

test('a later batch that passes gives the earlier ones more time', async () => {
	const { claim, r } = await w.new_claim([[0, 8]], SEQUENCES)
	await w.settle(claim, SEQUENCES, w.openings(r))
	const first = (await w.get_claim(claim)).settledAt
	await w.chain.mine(15)
	const rest = [4, 5, 6, 7]
	const r2 = await w.asked(claim, await w.request_of(claim, rest, 4), rest)
	await run(v.answer(r2, w.openings(r2)))
	const second = (await w.get_claim(claim)).settledAt
	assert.ok(second > first)
	assert.equal((await w.record(claim)).deadline, second + 20n)
})

test('who judged a claim that is void for another reason is called to account all the same', async () => {
	const { claim, r } = await w.new_claim([[0, 8]], SEQUENCES)
	await w.after(claim, 45)
	await w.settle(claim, SEQUENCES, w.openings(r))
	await w.after(claim, 51)
	await run(w.jobs.connect(w.finder).missedVerificationSlash(claim.ref, 4, claim.bytes, claim.root, claim.batches, word(0)))
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	const { real, decision } = await w.record(claim)
	await run(v.connect(w.finder).appeal(real, decision))
	const done = await run(v.judge(real, decision, await w.jury(real, decision, FAIL)))
	assert.equal(events_of(done, v, 'SeatFined').length, 3)
	assert.equal(events_of(done, w.jobs, 'ClaimVoided').length, 0)
})

test('seats that left, or went over to the transcoder, are slashed for what they settled', async () => {
	const { claim, r } = await w.new_claim([[0, 4]], SEQUENCES)
	await w.settle(claim, SEQUENCES, w.openings(r))
	const [a, b] = r.seated
	await run(v.connect(w.account(a.owner)).leaveSeats([a.seatId]))
	await run(w.bonding.setDelegate(b.owner, claim.by.address))
	const { real, decision } = await w.record(claim)
	await run(v.connect(w.finder).appeal(real, decision))
	const done = await run(v.judge(real, decision, await w.jury(real, decision, FAIL)))
	assert.deepEqual(events_of(done, v, 'SeatFined').map(e => e.seatId), r.seated.slice(0, 3).map(d => d.seatId))
})

test('while an appeal is open nothing is paid', async () => {
	const { claim, r } = await w.new_claim([[0, 4]], SEQUENCES)
	await w.settle(claim, SEQUENCES, w.openings(r))
	const { real, decision } = await w.record(claim)
	await run(v.connect(w.finder).appeal(real, decision))
	await w.after(claim, 200)
	await expect_revert(w.distribute(claim), w.jobs, 'NotSettled', [claim.job.id, claim.by, claim.ref.claimId])
})

test('an overturned PASS voids the claim', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES)
	await w.settle(claim, SEQUENCES, w.openings(r))
	const { real, decision } = await w.record(claim)
	await run(v.connect(w.finder).appeal(real, decision))
	const done = await run(v.judge(real, decision, await w.jury(real, decision, FAIL)))
	expect_event(done, w.jobs, 'ClaimVoided', [claim.by, job.id, claim.ref.claimId, VOID.Failed, 4n * job.fee - real.fee])
	assert.equal((await w.jobs.getJob(job.id)).escrow, ETH - real.fee)
	assert.equal(events_of(done, v, 'SeatFined').length, 3)
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
})

test('a FAIL voids the claim after its appeal time; another batch of a void claim is still heard', async () => {
	const { claim, r, job } = await w.new_claim([[0, 8]], SEQUENCES)
	const r1 = await w.asked(claim, r, SEQUENCES)
	const failed = await run(v.answer(r1, w.openings(r1, answers_of(0n, 0n, FAIL, 0n))))
	assert.equal((await w.get_claim(claim)).status, STATUS.Pending)
	await w.chain.next_is(failed.blockNumber + JUDGES.appealPeriod)
	const rest = [4, 5, 6, 7]
	const r2 = await w.asked(claim, await w.request_of(claim, rest, 4), rest)
	const fees = (await w.get_claim(claim)).fees
	const final = await run(v.finalize(r1, w.decision(failed)))
	expect_event(final, w.jobs, 'ClaimVoided', [claim.by, job.id, claim.ref.claimId, VOID.Failed, fees])
	assert.equal((await w.jobs.getJob(job.id)).escrow, ETH - r1.fee - r2.fee)
	const heard = await run(v.answer(r2, w.openings(r2)))
	assert.equal(event_of(heard, v, 'Decided').verdicts, 0n)
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	// Its verifiers are paid all the same.
	assert.equal(await w.jobs.verifierFees(r2.seated[1].owner) >= r2.fee / 3n, true)
})

test('statements make UNAVAILABLE nobody\'s fault', async () => {
	const { claim, r } = await w.new_claim([[0, 4]], SEQUENCES)
	const statements = concat(r.seated.slice(0, 3).map(d => statement(w.jobs, w.account(d.owner), Number(d.k), r)))
	const real = await w.asked(claim, r, SEQUENCES, statements)
	const receipt = await run(v.answer(real, w.openings(real, all(UNAVAILABLE, 4))))
	await w.chain.next_is(receipt.blockNumber + JUDGES.appealPeriod + 1)
	const final = await run(v.finalize(real, w.decision(receipt)))
	assert.equal(event_of(final, w.jobs, 'ClaimVoided').reason, VOID.Unavailable)
})

test('three extensions, no verdict: refunded, and the fee with it', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES)
	const real = await w.asked(claim, r, SEQUENCES)
	for (let i = 0; i < 3; i++) {
		await w.chain.mine(JUDGES.verdictPeriod)
		await run(v.connect(w.finder).extend(real, []))
	}
	await w.chain.mine(JUDGES.verdictPeriod)
	const receipt = await run(v.endWithoutVerdict(real, []))
	assert.equal(event_of(receipt, w.jobs, 'ClaimVoided').reason, VOID.NoVerdict)
	assert.equal((await w.jobs.getJob(job.id)).escrow, ETH)
	assert.equal(await w.chain.balance(w.jobs), ETH)
})

const salt = word(0x5a17)
/* Its receipt is of a result that no work has. */
const plant = sequence => (receipts, job, by) => receipts.map(x => x.sequence !== BigInt(sequence) ? x : make_receipt(w.jobs, job.by, by, {
	jobId: job.id, streamId: job.stream, sequence: x.sequence, durationMs: x.durationMs, dataHash: x.dataHash,
	transcodedHash: planted_hash(salt, sequence),
}))

test('a planted segment: who passed it is slashed, the escrow is forfeited, nothing is paid', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES, { salt, planted: [2] }, plant(2))
	await w.settle(claim, SEQUENCES, w.openings(r))
	const items = SEQUENCES.map(s => claim.receipts[s])
	const { real, decision } = await w.record(claim)
	const proof = plant_proof(salt, [{ request: real, decision, items }])
	const revealed = await run(w.jobs.connect(w.broadcaster).revealPlanted(claim.ref, job.details, salt, [2], proof))
	expect_event(revealed, v, 'PlantPunished', [job.id, claim.by, claim.ref.claimId, 3, 0])
	const { forfeited } = event_of(revealed, w.jobs, 'PlantRevealed')
	assert.equal(forfeited, ETH - real.fee)
	assert.equal(await w.jobs.verifierFees(w.kit.sys.Treasury), forfeited, 'nobody had failed it')
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	assert.equal((await w.jobs.getJob(job.id)).escrow, 0n)
	await w.after(claim, 200)
	await expect_revert(w.distribute(claim), w.jobs, 'ClaimNotPending', [STATUS.Void])
})

test('a plant that was settled counts once it is on record', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES, { salt, planted: [2] }, plant(2))
	const receipt = await w.settle(claim, SEQUENCES, w.openings(r))
	const { fee, signers } = event_of(receipt, w.jobs, 'VerifyWithVerdicts')
	const decision = { verdicts: 0n, answers: [...signers].map(s => (s >> 160n & 0xffffffffffffn) << 128n | s >> 208n << 176n) }
	const proof = plant_proof(salt, [{ request: { ...r, fee }, decision, items: SEQUENCES.map(s => claim.receipts[s]) }])
	const reveal = () => w.jobs.connect(w.broadcaster).revealPlanted(claim.ref, job.details, salt, [2], proof)
	await expect_revert(reveal(), v, 'WrongPhase', [0])
	assert.deepEqual((await w.record(claim)).decision, decision)
	assert.equal(events_of(await run(reveal()), v, 'SeatFined').length, 3)
})

test('good work of a job with plants cannot be turned against its verifiers', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES, { salt, planted: [2] })
	await w.settle(claim, SEQUENCES, w.openings(r))
	const items = SEQUENCES.map(s => claim.receipts[s])
	const { real, decision } = await w.record(claim)
	const proof = plant_proof(salt, [{ request: real, decision, items }])
	await expect_revert(w.jobs.connect(w.broadcaster).revealPlanted(claim.ref, job.details, salt, [2], proof), v, 'NotPlanted', [2])
	assert.equal((await w.get_claim(claim)).status, STATUS.Pending)
})

test('periods: the Verifier\'s count in JobsManager\'s finality, which stake must outlast', async () => {
	const owner = v.connect(await w.kit.as_owner())
	await run(owner.setPeriods(20, 30, 20))
	assert.equal(await v.finality(), 8n * 20n + 30n + 1n + 4n * 20n)
	assert.equal(await w.jobs.finality(), 100n + 50n + 271n)
	await expect_revert(owner.setPeriods(200, 30, 20), v, 'InvalidParameter', ['periods', 100n + 50n + 1711n])
})
