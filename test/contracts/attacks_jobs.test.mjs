// The weaknesses of the first contracts that lay in jobs and claims, each tried on the whole
// system: what the attacker has before and after.  Those of stake are in attacks_stake.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroAddress, concat, id, toBeHex } from 'ethers'
import { event_of, events_of, expect_event, expect_revert, make_receipt, receipt_tree, run, sign } from './lib/kit.mjs'
import { high_s } from './lib/court.mjs'
import { ETH, STATUS, VOID, pack, sequences_of, split } from './lib/jobs.mjs'
import { PRICE, Whole, finding, missed_action } from './lib/whole.mjs'

let w
before(async () => { w = await Whole.start() })
after(() => w?.kit.stop())
beforeEach(() => w.kit.reset())

const refused = (promise, name, args) => expect_revert(promise, w.jobs, name, args)
const status = async claim => (await w.get_claim(claim)).status
const escrow = async job => (await w.jobs.getJob(job.id)).escrow
const seats = async () => (await Promise.all(w.verifiers.map((_, i) => w.verifier.getSeat(i + 1)))).reduce((n, s) => n + s.stake, 0n)

test('weakness 1: silence of the oracle does not pay', async () => {
	const job = await w.job()
	const claim = await w.claim(job, { ranges: [[0, 20]], least: 1 })
	const seated = await seats()
	const { r, draws } = await w.ask(claim)
	await w.until(claim, 'payable')
	await refused(w.distribute(claim), 'VerdictsAwaited', [1])

	// The silent are fined as often as they are drawn; nobody can call this a success.
	await w.kit.reset()
	const again = await w.claim(await w.job(), { ranges: [[0, 20]], least: 1 })
	// The block hashes may have elected another.
	const stake = await w.total_stake(again.by)
	const asked = await w.ask(again)
	const { verdictPeriod, silenceAmount } = await w.verifier.parameters()
	let fined = 0n
	for (let i = 0; i < 3; i++) {
		await w.kit.mine(verdictPeriod)
		const silent = i ? [] : asked.draws.map(d => d.k)
		const receipt = await run(w.verifier.connect(w.finder).extend(asked.r, silent))
		fined += events_of(receipt, w.verifier, 'SeatFined').reduce((n, e) => n + e.amount, 0n)
	}
	await w.kit.mine(verdictPeriod)
	const end = await run(w.verifier.connect(w.finder).endWithoutVerdict(asked.r, []))
	expect_event(end, w.jobs, 'ClaimVoided', [again.by, again.ref.jobId, 0, VOID.NoVerdict, again.fees - asked.r.fee])
	assert.equal(fined, BigInt(asked.draws.length) * silenceAmount)
	assert.equal(seated - await seats(), fined)
	assert.equal(await w.verifier.tokens(w.finder.address), fined / 10n, 'who reports silence has its share')
	await refused(w.distribute(again), 'ClaimNotPending', [STATUS.Void])
	assert.equal(await escrow(again.job), ETH, 'all of it is the job\'s again')
	assert.equal(await w.total_stake(again.by), stake, 'nor is the transcoder to blame')
	assert.equal(r.fee, 3n * BigInt(claim.challenged.length) * job.fee * 100000n / 1000000n)
	assert.ok(draws.length >= 3)
})

test('weakness 3: a claim of segments that never were costs a tenth of all stake', async () => {
	const job = await w.job()
	const [t] = (await w.election(job)).ranked
	const receipts = w.receipts(job, t, [[0, 1]])
	const claim_of = n => w.jobs.connect(t).claimWork(job.id, pack([[0, n]]), receipt_tree(receipts).root, seed, '0x')
	const { seed } = await w.election(job)
	await refused(claim_of(1000000), 'InvalidRanges', [12])
	await refused(claim_of(20000), 'InsufficientEscrow', [20000n * job.fee, ETH])

	const claim = await w.claim(job, { ranges: [[0, 10000]], receipts })
	assert.ok(claim.challenged.length > 1800 && claim.challenged.length < 2200, `${claim.challenged.length} of 10,000 challenged`)
	const s = claim.challenged.find(x => x > 0n)
	const lie = { ...claim, receipts: { ...receipts, [s]: make_receipt(w.jobs, t, t, { ...receipts[0], sequence: s }) } }
	const [ref, , proof] = w.evidence(claim, [0n])
	const { sequence, durationMs, dataHash, transcodedHash, broadcasterSig, transcoderSig } = lie.receipts[s]
	const segment = {
		sequence, durationMs, dataHash, transcodedHash, broadcasterSig: split(broadcasterSig), transcoderSig: split(transcoderSig),
	}
	await refused(w.jobs.connect(t).verify(ref, [segment], proof, '0x'), 'BadSignature', ['broadcaster', s])

	const before = { stake: await w.total_stake(t), finder: await w.lpt(w.finder), pool: await w.lpt(w.treasury) }
	const salt = await w.commit(w.finder, missed_action(claim, s))
	await refused(w.missed(claim), 'TooEarly', [claim.block + 51])
	await w.until(claim, 'missed')
	await run(w.missed(claim, { sequence: s, salt }))
	const lost = before.stake - await w.total_stake(t)
	assert.equal(lost, before.stake / 10n, 'of its own stake and its delegators\'')
	assert.equal(await w.lpt(w.finder) - before.finder, lost / 20n)
	assert.equal(await w.lpt(w.treasury) - before.pool, lost - lost / 20n)
	assert.equal(await escrow(job), ETH)
	await w.chain.next_is(claim.block + 80)
	await refused(w.distribute(claim), 'ClaimNotPending', [STATUS.Void])
	console.log(`# 10,000 segments that never were: ${claim.fees} wei hoped for, ${lost} base units lost, ${claim.challenged.length} challenged`)
})

test('weakness 4: neither a new price nor leaving moves a job that was given', async () => {
	const job = await w.job()
	const { ranked, seed } = await w.election(job)
	const names = ranked.map(a => a.address)
	await run(w.bonding.connect(ranked[0]).transcoder(0, 0, 100n * PRICE))
	await run(w.bonding.connect(ranked[1]).resignAsTranscoder())
	await run(w.bonding.connect(ranked[2]).transcodeAvailability(false))
	await w.kit.next_round()
	assert.deepEqual((await w.election(job)).ranked.map(a => a.address), names)
	// The next job is another matter.
	const next = await w.election(await w.job())
	assert.deepEqual(next.ranked, [])
	assert.notEqual(next.seed, seed)
	const claim = await w.claim(job, { ranges: [[0, 4]], most: 0 })
	assert.equal(claim.by, ranked[0])
	await refused(w.jobs.refuteElection(job.id, ranked[0].address, [names[1]], id('')), 'NotBetter', [names[1]])
})

test('weakness 5: an answer to a question that nobody asked does nothing', async () => {
	const claim = await w.claim(await w.job(), { ranges: [[0, 20]], least: 1 })
	const { r, draws } = await w.drawn(claim, claim.challenged)
	const stake = await w.total_stake(claim.by)
	const wrong = (q, name, args) => expect_revert(w.verifier.connect(w.stranger).answer(q, w.openings(q, draws, 1n)), w.verifier, name, args)
	await wrong(r, 'WrongPhase', [0])
	await wrong({ ...r, ref: { jobId: 0n, transcoder: claim.by.address, claimId: 0 } }, 'WrongPhase', [0])
	await refused(w.jobs.connect(w.stranger).receiveVerdicts(claim.ref, 1, 1, true, [], 0), 'OnlyVerifier', [w.stranger])
	await refused(w.jobs.connect(w.stranger).receiveNoVerdict(claim.ref, [], 0), 'OnlyVerifier', [w.stranger])

	// Answered once, it is answered: the same openings, or others, come too late.
	const asked = await w.ask(claim)
	await expect_revert(w.verifier.answer({ ...asked.r, count: 9n }, '0x'), w.verifier, 'ContentMismatch', [])
	await w.answer(asked, claim.challenged.map(() => 0n))
	await wrong(asked.r, 'WrongPhase', [2])
	const { open, verified } = await w.get_claim(claim)
	assert.deepEqual([open, verified], [0n, BigInt(claim.challenged.length)])
	assert.equal(await w.total_stake(claim.by), stake)
})

test('weakness 7: in a round that nobody began there is no job to get stuck in', async () => {
	await run(w.jobs.connect(w.broadcaster).deposit({ value: ETH }))
	const round = await w.rounds.currentRound()
	await w.chain.next_is(await w.rounds.currentRoundStartBlock() + 81n)
	await refused(w.job({ value: 0n }), 'RoundNotInitialized', [round + 1n])
	const before = await w.chain.balance(w.broadcaster)
	await run(w.jobs.connect(w.broadcaster).withdraw())
	assert.equal(await w.chain.balance(w.broadcaster) - before, ETH, 'nothing holds the deposit back')
})

test('weakness 8: a segment is verified once, in time, by its claimant, for a fee', async () => {
	const job = await w.job()
	const claim = await w.claim(job, { ranges: [[0, 30]], least: 3 })
	const [first, second] = claim.challenged
	const other = sequences_of(claim.ranges).find(s => !claim.challenged.includes(s))
	const verify = (by, list) => w.jobs.connect(by).verify(...w.evidence(claim, list), '0x')
	await refused(verify(w.stranger, [first]), 'NotTranscoder', [job.id, w.stranger])
	await refused(verify(claim.by, [other]), 'NotChallenged', [other])
	await refused(verify(claim.by, []), 'InvalidBatch', [0, 64])
	const { fee: paid } = event_of(await w.pass(claim, [first]), w.jobs, 'VerifyWithVerdicts')
	assert.equal(paid, 3n * job.fee / 10n, 'three tenths of a segment\'s price')
	assert.equal((await w.get_claim(claim)).fees, claim.fees - paid, 'out of the claim')
	await refused(verify(claim.by, [first]), 'NotAscending', [first, first + 1n])
	await refused(verify(claim.by, [first, second]), 'NotAscending', [first, first + 1n])
	const [ref, [segment], proof] = w.evidence(claim, [second])
	await refused(w.jobs.connect(claim.by).verify(ref, [segment, segment], proof, '0x'), 'NotAscending', [second, second + 1n])
	await w.chain.next_is(claim.block + 51)
	await refused(verify(claim.by, [second]), 'TooLate', [claim.block + 50])
	assert.deepEqual([(await w.get_claim(claim)).verified, (await w.get_claim(claim)).open], [1n, 0n])
	assert.equal((await w.get_claim(claim)).fees, claim.fees - paid)
})

test('weakness 9: who makes a job or a claim cannot know what it draws', async () => {
	const job = await w.job()
	const pending = { blockTag: 'pending' }
	await refused(w.jobs.getElection(job.id, pending), 'BlockHashUnavailable', [job.block + 1])
	const own = (await w.chain.provider.getBlock(job.block)).hash
	const { seed, ranked } = await w.election(job)
	assert.equal(seed, (await w.chain.provider.getBlock(job.block + 1)).hash)
	await refused(w.jobs.connect(ranked[0]).claimWork(job.id, pack([[0, 1]]), id('root'), own, '0x'), 'ElectionSeedMismatch', [own, seed])

	// Trying again until a friend is elected: each try holds an escrow to the end of its job.
	const before = await w.chain.balance(w.broadcaster)
	const tries = []
	for (let i = 0; i < 3; i++) tries.push(await w.job())
	assert.equal(before - await w.chain.balance(w.broadcaster), 3n * ETH)
	for (const t of tries) {
		await run(w.jobs.connect(w.broadcaster).endJob(t.id))
		const until = await w.chain.block() + 100
		await refused(w.jobs.refund(t.id), 'JobNotOver', [t.id, until])
	}
	await refused(w.jobs.connect(w.broadcaster).withdraw(), 'NothingToWithdraw', [w.broadcaster])

	const receipts = w.receipts(job, ranked[0], [[0, 20]])
	const claimed = await run(w.jobs.connect(ranked[0]).claimWork(job.id, pack([[0, 20]]), receipt_tree(receipts).root, seed, '0x'))
	await refused(w.jobs.getChallenges(job.id, ranked[0].address, 0, pack([[0, 20]]), pending), 'BlockHashUnavailable', [claimed.blockNumber + 1])
})

test('weakness 10: what a job can cost is put aside when it is made', async () => {
	await run(w.jobs.connect(w.broadcaster).deposit({ value: 15n * ETH / 10n }))
	const job = await w.job({ value: 0n })
	await refused(w.job({ value: 0n }), 'InsufficientDeposit', [ETH, ETH / 2n])
	const before = await w.chain.balance(w.broadcaster)
	await run(w.jobs.connect(w.broadcaster).withdraw())
	assert.equal(await w.chain.balance(w.broadcaster) - before, ETH / 2n, 'the rest, and no more')
	const claim = await w.claim(job, { ranges: [[0, 20]], least: 1 })
	await w.pass(claim)
	await w.until(claim, 'payable')
	const { fees } = event_of(await w.distribute(claim), w.jobs, 'DistributeFees')
	assert.equal(fees, claim.fees - BigInt(claim.challenged.length) * 3n * job.fee / 10n)
	// A claim of more than is there is refused before the work is claimed, not after.
	const left = await escrow(job)
	const n = left / job.fee + 1n
	await refused(w.claim(job, { ranges: [[100, n]], receipts: claim.receipts }), 'InsufficientEscrow', [n * job.fee, left])
})

test('weakness 12: one void claim takes no other with it', async () => {
	const job = await w.job()
	const bad = await w.claim(job, { ranges: [[0, 20]], least: 1 })
	const good = await w.claim(job, { ranges: [[20, 20]], least: 1, by: bad.by })
	await w.pass(good)
	await w.until(bad, 'missed')
	const voided = await run(w.missed(bad))
	expect_event(voided, w.jobs, 'ClaimVoided', [bad.by, job.id, 0, 1, bad.fees])
	assert.deepEqual([await status(bad), await status(good)], [STATUS.Void, STATUS.Pending])
	await w.until(good, 'payable')
	const due = good.fees - BigInt(good.challenged.length) * 3n * job.fee / 10n
	const before = await w.chain.balance(w.bonding)
	expect_event(await w.distribute(good), w.jobs, 'DistributeFees', [good.by, job.id, 1, due])
	assert.equal(await w.chain.balance(w.bonding) - before, due)
	assert.equal(await escrow(job), ETH - good.fees)
})

test('weakness 13: neither the slashed nor who copies a finder has the finder\'s fee', async () => {
	const claim = await w.claim(await w.job(), { ranges: [[0, 20]], least: 1 })
	const [s] = claim.challenged
	const stake = await w.total_stake(claim.by)
	await w.until(claim, 'missed')
	// A report that was not committed to.
	const there = await w.chain.snapshot()
	await run(w.missed(claim, { by: w.stranger }))
	assert.equal(await w.lpt(w.stranger), 0n)
	assert.equal(await w.lpt(w.treasury), stake / 10n)
	await w.chain.revert(there)

	// Who copies the report copies no commitment, and its own, in the same block, comes too late.
	const salt = await w.commit(w.finder, missed_action(claim, s))
	const committed = await w.chain.snapshot()
	const receipts = await in_one_block(w.stranger, [
		[w.bonding, 'commitFinding', finding(w.stranger, salt, missed_action(claim, s))],
		[w.jobs, 'missedVerificationSlash', claim.ref, s, claim.bytes, claim.root, [], salt],
	])
	expect_event(receipts[1], w.bonding, 'TranscoderSlashed', [claim.by, ZeroAddress, stake / 10n, 0])
	assert.equal(await w.lpt(w.stranger), 0n)
	await w.chain.revert(committed)

	// Its own second account gives the slashed a twentieth back, if it is the first to tell.
	await run(w.missed(claim, { salt }))
	const lost = stake - await w.total_stake(claim.by)
	assert.equal(lost, stake / 10n)
	assert.equal(await w.lpt(w.finder), lost / 20n)
	console.log(`# of ${lost} slashed, ${lost - await w.lpt(w.finder)} are lost to who reports itself`)
})

/* [contract, function, ...arguments] each; receipts, of which none failed. */
async function in_one_block(from, calls) {
	await w.chain.rpc('evm_setAutomine', false)
	const hashes = []
	for (const [to, f, ...args] of calls) {
		const { data } = await to[f].populateTransaction(...args)
		hashes.push(await w.chain.rpc('eth_sendTransaction', { from: from.address, to: to.target, data, gas: '0x4c4b40', gasPrice: '0x0' }))
	}
	await w.chain.mine(1)
	await w.chain.rpc('evm_setAutomine', true)
	const receipts = await Promise.all(hashes.map(h => w.chain.provider.getTransactionReceipt(h)))
	assert.ok(receipts.every(r => r.status === 1 && r.blockNumber === receipts[0].blockNumber))
	return receipts
}

test('weakness 14: a signature is good for one job, one transcoder, one contract and one chain', async () => {
	const [t] = (await w.election(await w.job())).ranked
	const one = await w.job_of(t)
	const two = await w.job_of(t)
	const ranges = [[0, 20]]
	const claim = await w.claim(one, { ranges, least: 1 })
	await refused(w.jobs.connect(t).claimWork(one.id, pack([[19, 1]]), claim.root, id(''), '0x'), 'RangeNotAscending', [19, 20])

	const again = await w.claim(two, { ranges, least: 1, receipts: claim.receipts })
	const bad = async c => refused(w.jobs.connect(c.by).verify(...w.evidence(c, c.challenged), '0x'), 'BadSignature', ['broadcaster', c.challenged[0]])
	await bad(again)
	// As if on another contract: the same segments of the same job.
	const segments = sequences_of(ranges).map(s => ({
		jobId: two.id, streamId: two.stream, sequence: s, durationMs: 2000n,
		dataHash: id(`data ${s}`), transcodedHash: id(`out ${s}`),
	}))
	const foreign = segments.map(seg => {
		const broadcasterSig = sign(w.broadcaster, w.bonding, 'Segment', { ...seg, transcoder: t.address })
		return { ...make_receipt(w.jobs, w.broadcaster, t, seg), broadcasterSig }
	})
	await bad(await w.claim(two, { ranges: [[20, 20]], least: 1, receipts: foreign.map(r => ({ ...r, sequence: r.sequence + 20n })) }))

	// Another transcoder, by the broadcaster's leave, with what was signed for the first.
	const { ranked } = await w.election(one)
	const fallback = w.fallback(one, 1, ranked[1], 0)
	const stolen = await w.claim(one, { by: ranked[1], ranges, least: 1, fallback, receipts: claim.receipts })
	await bad(stolen)
	const stake = await w.total_stake(ranked[1])
	await w.until(stolen, 'missed')
	await run(w.missed(stolen))
	assert.equal(stake - await w.total_stake(ranked[1]), stake / 10n)
})

test('weakness 18: a claim outlives any 256 blocks', async () => {
	const owner = await w.kit.as_owner()
	await run(w.bonding.connect(owner).setSlashablePeriod(2000))
	await run(w.jobs.connect(owner).setVerificationPeriods(300, 20))
	const job = await w.job({ blocks: 400 })
	const late = await w.claim(job, { ranges: [[0, 20]], least: 1 })
	const never = await w.claim(job, { ranges: [[20, 20]], least: 1, by: late.by })
	await w.chain.mine(270)
	await w.kit.ensure_round()
	await w.pass(late)
	const stake = await w.total_stake(late.by)
	await w.until(never, 'missed')
	await w.kit.ensure_round()
	await run(w.missed(never))
	assert.equal(stake - await w.total_stake(late.by), stake / 10n, 'found 300 blocks later')
	await w.until(late, 'payable')
	await w.kit.ensure_round()
	expect_event(await w.distribute(late), w.jobs, 'DistributeFees', [late.by, job.id, 0, late.fees - BigInt(late.challenged.length) * 3n * job.fee / 10n])
	// Later than the history goes, a hash is there if somebody sealed it; a claim of which it was
	// not is refunded (jobs_history).
	await run(w.rounds.seal(never.block + 1))
	assert.equal(await w.rounds.sealedHash(never.block + 1), await w.challenge_hash(never))
})

test('weakness 19: signatures with a high s, and nodes as leaves, are refused', async () => {
	const claim = await w.claim(await w.job(), { ranges: [[0, 32]], least: 2 })
	const [s] = claim.challenged
	const [ref, [segment], proof] = w.evidence(claim, [s])
	const verify = (seg, p = proof) => w.jobs.connect(claim.by).verify(ref, [seg], p, '0x')
	const high = ({ r, s, v }) => split(high_s(concat([r, s, toBeHex(v, 1)])))
	await refused(verify({ ...segment, broadcasterSig: high(segment.broadcasterSig) }), 'BadSignature', ['broadcaster', s])
	await refused(verify({ ...segment, transcoderSig: high(segment.transcoderSig) }), 'BadSignature', ['transcoder', s])
	// A proof that begins one node further up, as if that node were the leaf.
	await refused(verify(segment, { ...proof, proof: proof.proof.slice(1), flagCount: proof.flagCount - 1 }), 'BadMerkleProof', [])
	await refused(verify({ ...segment, durationMs: 2001n }), 'SegmentTooLong', [s, 2001, 2000])
	await w.pass(claim, [s])
	assert.equal((await w.get_claim(claim)).verified, 1n)
})
