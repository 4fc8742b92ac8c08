// JobsManager and Verifier together, each behind its proxy; the BondingManager is a mock.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { concat } from 'ethers'
import { ETH, PARAMETERS, STATUS, VOID, World, work_hash } from './lib/jobs.mjs'
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

	settle(claim, sequences, openings) {
		return run(this.jobs.connect(claim.by).verifyWithVerdicts(...this.evidence(claim, sequences), openings))
	}

	ask(claim, sequences, statements = '0x') {
		return run(this.jobs.connect(claim.by).verify(...this.evidence(claim, sequences), statements))
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
	const { fee } = event_of(receipt, v, 'Decided')
	assert.equal(fee, r.fee)
	assert.equal(await w.chain.balance(v), fee)
	// Payable from block 70, but the last block for an appeal is 50 + 20.
	await w.after(claim, 70)
	await expect_revert(w.distribute(claim), w.jobs, 'NotSettled', [job.id, claim.by, claim.ref.claimId])
	await w.after(claim, 71)
	const paid = await w.distribute(claim)
	expect_event(paid, w.jobs, 'DistributeFees', [claim.by, job.id, claim.ref.claimId, 4n * job.fee - fee])
	assert.equal((await w.get_claim(claim)).status, STATUS.Paid)
	assert.equal(await w.chain.balance(w.jobs), held - 4n * job.fee)
})

test('while an appeal is open nothing is paid', async () => {
	const { claim, r } = await w.new_claim([[0, 4]], SEQUENCES)
	const receipt = await w.settle(claim, SEQUENCES, w.openings(r))
	const real = { ...r, fee: event_of(receipt, v, 'Decided').fee }
	const decision = w.decision(receipt)
	await run(v.connect(w.finder).appeal(real, decision))
	await w.after(claim, 200)
	await expect_revert(w.distribute(claim), w.jobs, 'NotSettled', [claim.job.id, claim.by, claim.ref.claimId])
})

test('an overturned PASS voids the claim', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES)
	const receipt = await w.settle(claim, SEQUENCES, w.openings(r))
	const real = { ...r, fee: event_of(receipt, v, 'Decided').fee }
	const decision = w.decision(receipt)
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
	const r2 = await w.asked(claim, await w.request_of(claim, rest, 1), rest)
	const fees = (await w.get_claim(claim)).fees
	const final = await run(v.finalize(r1, w.decision(failed)))
	expect_event(final, w.jobs, 'ClaimVoided', [claim.by, job.id, claim.ref.claimId, VOID.Failed, fees])
	assert.equal((await w.jobs.getJob(job.id)).escrow, ETH - r1.fee - r2.fee)
	const heard = await run(v.answer(r2, w.openings(r2)))
	expect_event(heard, w.jobs, 'VerdictReceived', [claim.by, job.id, claim.ref.claimId, 1, 0, 4])
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	// Its verifiers are paid all the same.
	assert.equal(await v.fees(r2.seated[1].owner) >= r2.fee / 3n, true)
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
	assert.equal(await w.chain.balance(v), 0n)
})

const salt = word(0x5a17)
/* Its receipt is of a result that no work has. */
const plant = sequence => (receipts, job, by) => receipts.map(x => x.sequence !== BigInt(sequence) ? x : make_receipt(w.jobs, job.by, by, {
	jobId: job.id, streamId: job.stream, sequence: x.sequence, durationMs: x.durationMs, dataHash: x.dataHash,
	transcodedHash: planted_hash(salt, sequence),
}))

test('a planted segment: who passed it is slashed, the escrow is forfeited, nothing is paid', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES, { salt, planted: [2] }, plant(2))
	const receipt = await w.settle(claim, SEQUENCES, w.openings(r))
	const real = { ...r, fee: event_of(receipt, v, 'Decided').fee }
	const items = SEQUENCES.map(s => claim.receipts[s])
	const proof = plant_proof(salt, [{ request: real, decision: w.decision(receipt), items }])
	const revealed = await run(w.jobs.connect(w.broadcaster).revealPlanted(claim.ref, job.details, salt, [2], proof))
	expect_event(revealed, v, 'PlantPunished', [job.id, claim.by, claim.ref.claimId, 3, 0, event_of(revealed, w.jobs, 'PlantRevealed').forfeited])
	assert.equal((await w.get_claim(claim)).status, STATUS.Void)
	assert.equal((await w.jobs.getJob(job.id)).escrow, 0n)
	await w.after(claim, 200)
	await expect_revert(w.distribute(claim), w.jobs, 'ClaimNotPending', [STATUS.Void])
})

test('good work of a job with plants cannot be turned against its verifiers', async () => {
	const { claim, r, job } = await w.new_claim([[0, 4]], SEQUENCES, { salt, planted: [2] })
	const receipt = await w.settle(claim, SEQUENCES, w.openings(r))
	const real = { ...r, fee: event_of(receipt, v, 'Decided').fee }
	const items = SEQUENCES.map(s => claim.receipts[s])
	const proof = plant_proof(salt, [{ request: real, decision: w.decision(receipt), items }])
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
