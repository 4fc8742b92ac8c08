// Seats, draws, verdicts in one and in two transactions, silence.  JobsManager is a mock here.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroAddress, concat, keccak256 } from 'ethers'
import { Court, FAIL, INVALID_INPUT, UNAVAILABLE, all, answers_of, high_s, opening, seat_of, statement } from './lib/court.mjs'
import { ANY, event_of, events_of, expect_event, expect_revert, run, word } from './lib/kit.mjs'

let c, v, p
before(async () => {
	c = await Court.start()
	v = c.verifier
	p = await v.parameters()
})
after(() => c.kit.stop())
beforeEach(() => c.kit.reset())

const refused = (promise, name, args) => expect_revert(promise, v, name, args)
const PHASE = { none: 0n, open: 1n, settled: 2n, decided: 3n, appealed: 4n, final: 5n }
const phase = async r => (await v.getRecord(r.ref, r.batch)).phase

// ---- seats ----

test('joining takes the stake of each seat and numbers them', async () => {
	const before = await c.token.balanceOf(c.finder)
	const receipt = await run(c.by(c.finder).joinSeats(2))
	const joined = events_of(receipt, v, 'SeatJoined').map(e => [e.owner, e.seatId, e.stake])
	assert.deepEqual(joined, [[c.finder.address, 41n, p.seatStake], [c.finder.address, 42n, p.seatStake]])
	assert.equal(before - await c.token.balanceOf(c.finder), 2n * p.seatStake)
	assert.deepEqual([...await v.getSeat(42)], [c.finder.address, 41n, 0n, p.seatStake])
	assert.equal(await v.seatCount(), 42n)
	assert.equal(await v.seatsCreated(), 42n)
	await refused(c.by(c.finder).joinSeats(0), 'ZeroAmount', [])
	await c.check_held()
})

test('a seat that leaves is replaced by the last, and past blocks know who was there', async () => {
	const at = await c.kit.chain.block()
	const receipt = await run(c.by(c.verifiers[3]).leaveSeats([4]))
	expect_event(receipt, v, 'SeatLeft', [c.verifiers[3], 4])
	assert.equal(await v.seatCount(), 39n)
	assert.equal(await v.seatCountAt(at), 40n)
	const now = await c.kit.chain.block()
	assert.deepEqual([...await v.seatAt(3, now)], [40n, c.verifiers[39].address])
	assert.deepEqual([...await v.seatAt(3, at)], [4n, c.verifiers[3].address])
	assert.deepEqual([...await v.seatAt(39, at)], [40n, c.verifiers[39].address])
	assert.deepEqual([...await v.seatAt(39, now)], [0n, ZeroAddress])
	assert.equal((await v.getSeat(40)).index, 3n)
	await refused(c.by(c.verifiers[3]).leaveSeats([4]), 'SeatAlreadyLeft', [4])
	await refused(c.by(c.verifiers[3]).leaveSeats([5]), 'NotSeatOwner', [5, c.verifiers[3]])
})

test('places that changed hands many times are known for every block', async () => {
	const blocks = []
	for (let i = 0; i < 6; i++) {
		await run(c.by(c.verifiers[39 - i]).leaveSeats([40 - i]))
		await c.join(c.verifiers[39 - i], 1)
		blocks.push([await c.kit.chain.block(), 41n + BigInt(i), c.verifiers[39 - i].address])
	}
	for (const [block, id, owner] of blocks) assert.deepEqual([...await v.seatAt(39, block)], [id, owner])
	await c.check_held()
})

test('a stake is paid out after JobsManager\'s finality, once, paused or not', async () => {
	await refused(c.by(c.verifiers[0]).withdrawSeats([1]), 'SeatNotLeft', [1])
	await run(c.by(c.verifiers[0]).leaveSeats([1]))
	const left = (await v.getSeat(1)).leftAt
	await refused(c.by(c.verifiers[0]).withdrawSeats([1]), 'SeatNotFinal', [1, left + 500n])
	await c.kit.chain.next_is(left + 499n)
	await refused(c.by(c.verifiers[0]).withdrawSeats([1]), 'SeatNotFinal', [1, left + 500n])
	await c.kit.chain.next_is(left + 500n)
	await run(c.sys.Controller.pause())
	await c.mine(1)
	await refused(c.by(c.stranger).withdrawSeats([1]), 'NotSeatOwner', [1, c.stranger])
	const receipt = await run(c.by(c.verifiers[0]).withdrawSeats([1]))
	expect_event(receipt, v, 'SeatWithdrawn', [c.verifiers[0], 1, p.seatStake])
	assert.equal(await c.token.balanceOf(c.verifiers[0]), p.seatStake)
	await run(c.by(c.verifiers[0]).withdrawSeats([1]))
	assert.equal(await c.token.balanceOf(c.verifiers[0]), p.seatStake)
	await c.check_held()
})

test('a seat comes back when it is topped up to a whole stake', async () => {
	await run(c.by(c.verifiers[0]).leaveSeats([1]))
	await c.fund_tokens(c.verifiers[0], 5n)
	await refused(c.by(c.stranger).topUpSeat(1, 5), 'NotSeatOwner', [1, c.stranger])
	const receipt = await run(c.by(c.verifiers[0]).topUpSeat(1, 5))
	expect_event(receipt, v, 'SeatToppedUp', [c.verifiers[0], 1, 5, p.seatStake + 5n])
	expect_event(receipt, v, 'SeatReturned', [c.verifiers[0], 1])
	assert.deepEqual([...await v.getSeat(1)], [c.verifiers[0].address, 39n, 0n, p.seatStake + 5n])
	await c.check_held()
})

test('paused: nothing but what is owed is paid', async () => {
	const r = await c.make(c.distinct())
	const batches = c.batches(await c.settle(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n })))
	await run(c.sys.Controller.pause())
	const decision = { verdicts: 0, answers: [] }
	const calls = [
		() => c.by(c.finder).joinSeats(1), () => c.by(c.verifiers[0]).leaveSeats([1]), () => c.by(c.verifiers[0]).topUpSeat(1, 0),
		() => v.answer(r, '0x'), () => v.extend(r, []), () => v.endWithoutVerdict(r, []), () => v.finalize(r, decision),
		() => v.record(r.ref, batches, 0), () => v.appeal(r, decision), () => v.judge(r, decision, '0x'), () => v.redraw(r, decision, []), () => v.endAppeal(r, decision, []),
	]
	for (const call of calls) await refused(call, 'ManagerPaused', [])
})

// ---- one transaction ----

test('three of five that say PASS settle a batch, and nothing is written', async () => {
	const r = await c.make(c.distinct())
	const receipt = await c.settle(r, c.open_all(r, { 0: 0n, 2: 0n, 4: 0n }))
	const { signers } = event_of(receipt, c.jobs, 'Settled')
	assert.deepEqual([...signers], [0, 2, 4].map(k => BigInt(c.holder(r, k).address) | BigInt(r.seats[k]) << 160n | BigInt(k) << 208n))
	assert.equal(receipt.logs.length, 1, 'no event of the Verifier')
	assert.deepEqual([...await v.getRecord(r.ref, 0)], [0n, 0n, 0n, 0n, PHASE.none, 0n])
	await c.check_held()
})

test('what was settled is recorded by anyone, once, until its appeal time is over', async () => {
	const r = await c.make(c.distinct())
	const settled = await c.settle(r, c.open_all(r, { 0: 0n, 2: 0n, 4: 0n }))
	const until = BigInt(settled.blockNumber) + p.appealPeriod
	const record = () => c.by(c.stranger).record(r.ref, c.batches(settled), 0)
	const before = await c.kit.snapshot()
	await c.kit.chain.next_is(until + 1n)
	await refused(record(), 'TooLate', [until])
	await c.kit.revert(before)
	await c.kit.chain.next_is(until)
	const receipt = await run(record())
	const { request, answers, deadline } = event_of(receipt, v, 'Recorded')
	assert.deepEqual([...request].slice(1), [0n, r.broadcaster, r.seed, BigInt(r.challengeBlock), r.work, 4n, r.fee])
	assert.deepEqual([...answers].map(w => [w >> 176n, seat_of(w), w & (1n << 128n) - 1n]),
		[0, 2, 4].map(k => [BigInt(k), BigInt(r.seats[k]), 0n]))
	assert.equal(deadline, until)
	const kept = await v.getRecord(r.ref, 0)
	assert.deepEqual([kept.phase, kept.deadline], [PHASE.settled, until])
	await refused(v.finalize(r, { verdicts: 0n, answers: [...answers] }), 'WrongPhase', [PHASE.settled])
})

test('nothing is recorded twice, appealed or not, nor what has a record of its own', async () => {
	const r = await c.make(c.distinct())
	const settled = await c.settle(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n }))
	const decision = await c.record(r, settled)
	await refused(v.record(r.ref, c.batches(settled), 0), 'WrongPhase', [PHASE.settled])
	await run(c.by(c.finder).appeal(r, decision))
	await refused(v.record(r.ref, c.batches(settled), 0), 'WrongPhase', [PHASE.appealed])
	const asked = await c.make(c.distinct(), { claimId: 1 })
	const same = await c.settle(asked, c.open_all(asked, { 0: 0n, 1: 0n, 2: 0n }))
	await c.request(asked)
	await refused(v.record(asked.ref, c.batches(same), 0), 'WrongPhase', [PHASE.open])
})

test('who left, moved its stake to a party or was outvoted by new parameters is on record all the same', async () => {
	const r = await c.make(c.distinct())
	const settled = await c.settle(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n }))
	await run(c.by(c.holder(r, 0)).leaveSeats([r.seats[0]]))
	await run(c.bonding.setDelegate(c.holder(r, 1).address, c.transcoder.address))
	await run(v.connect(await c.kit.as_owner()).setCommittee(2, 1, 5))
	const { answers } = await c.record(r, settled)
	assert.deepEqual(answers.map(seat_of), [0, 1, 2].map(k => BigInt(r.seats[k])))
})

test('only JobsManager brings batches, and nobody ETH', async () => {
	const r = await c.make()
	await refused(() => c.by(c.stranger).settle(r, '0x'), 'OnlyJobsManager', [c.stranger])
	await refused(c.by(c.stranger).request(r, '0x'), 'OnlyJobsManager', [c.stranger])
	await refused(c.by(c.stranger).punishPlanted(r.ref, r.broadcaster, [], '0x'), 'OnlyJobsManager', [c.stranger])
	await refused(c.stranger.sendTransaction({ to: v.target, value: 1n }), 'NoEther', [])
	await expect_revert(c.stranger.sendTransaction({ to: v.target, value: 1n, data: v.interface.encodeFunctionData('seatCount') }), v, '')
})

test('lies in one transaction are refused', async t => {
	const r = await c.make(d => c.distinct()(d) && d(5) !== d(0))
	const settle = (...openings) => c.settle(r, concat(openings))
	const [a, b, d] = [0, 1, 2].map(k => c.open(r, k))
	await t.test('two are too few', () => refused(settle(a, b), 'QuorumMissing', [2, 3]))
	await t.test('another answer', async () => {
		const bad = answers_of(0n, 0n, FAIL, 0n)
		await refused(settle(a, b, d, c.open(r, 3, bad)), 'NotPass', [3, bad])
	})
	await t.test('one who is not drawn signs for k', async () => {
		const outsider = c.verifiers.find((_, i) => !r.seats.slice(0, 5).includes(i + 1))
		await refused(settle(a, b, opening(c.jobs, outsider, 2, 0n, r)), 'BadSigner', [2, ANY, c.holder(r, 2)])
	})
	await t.test('a k beyond the committee', () => refused(settle(a, b, c.open(r, 5)), 'NotDrawn', [5, 5]))
	await t.test('the same k twice', () => refused(settle(a, a, b), 'NotAscending', [0]))
	await t.test('k not in order', () => refused(settle(b, a, d), 'NotAscending', [0]))
	await t.test('another salt than committed to', () =>
		refused(settle(a, b, c.open(r, 2, 0n, { salt: word(78) })), 'BadSigner', [2, ANY, c.holder(r, 2)]))
	await t.test('another answer than committed to', () =>
		refused(settle(a, b, c.open(r, 2, FAIL, { answers: 0n })), 'BadSigner', [2, ANY, c.holder(r, 2)]))
	await t.test('another work hash than committed to', () =>
		refused(settle(a, b, c.open(r, 2, 0n, { work_hash: word(8) })), 'BadSigner', [2, ANY, c.holder(r, 2)]))
	await t.test('a high s', async () => {
		const flipped = concat([`0x${d.slice(2, 2 + 82 * 2)}`, high_s(`0x${d.slice(2 + 82 * 2)}`)])
		await refused(settle(a, b, flipped), 'BadSigner', [2, ZeroAddress, c.holder(r, 2)])
	})
	await t.test('no signature at all', () =>
		refused(settle(a, b, c.open(r, 2, 0n, { signature: `0x${'00'.repeat(65)}` })), 'BadSigner', [2, ZeroAddress, ANY]))
	await t.test('a verdict on another claim', async () => {
		const other = { ...r, ref: { ...r.ref, claimId: 1 } }
		await refused(settle(a, b, opening(c.jobs, c.holder(r, 2), 2, 0n, other)), 'BadSigner', [2, ANY, c.holder(r, 2)])
	})
	await t.test('a verdict on another batch', () =>
		refused(settle(a, b, opening(c.jobs, c.holder(r, 2), 2, 0n, { ...r, work: word(1) })), 'BadSigner', [2, ANY, ANY]))
	await t.test('a verdict for another JobsManager', () =>
		refused(settle(a, b, opening(c.token, c.holder(r, 2), 2, 0n, r)), 'BadSigner', [2, ANY, ANY]))
	await t.test('answers to segments that there are not', () =>
		refused(settle(a, b, c.open(r, 2, 1n << 8n)), 'BadAnswers', [2, 256]))
	await t.test('cut short', () => refused(c.settle(r, `${concat([a, b, d])}00`), 'BadLength', [442, 147]))
	await t.test('nothing', () => refused(c.settle(r, '0x'), 'BadLength', [0, 147]))
	await t.test('no segments, or too many', async () => {
		await refused(c.settle({ ...r, count: 0 }, a), 'BadCount', [0])
		await refused(c.settle({ ...r, count: 65 }, a), 'BadCount', [65])
	})
	await c.check_held()
})

test('an address with two seats is heard once', async () => {
	await c.join(c.verifiers[0], 1)
	await c.mine(1)
	const r = await c.make(d => d(0) === 0 && d(2) === 40 && d(1) !== 0 && d(1) !== 40)
	const second = opening(c.jobs, c.verifiers[0], 2, 0n, r)
	await refused(c.settle(r, concat([c.open(r, 0), c.open(r, 1), second])), 'SameVerifier', [2, c.verifiers[0]])
	const draws = await v.getDraws(r, 0, 5)
	assert.deepEqual([...draws].slice(0, 3).map(d => [d.owner, d.empty]),
		[[c.verifiers[0].address, false], [c.holder(r, 1).address, false], [c.verifiers[0].address, true]])
})

test('nobody judges its own work, job or delegate', async () => {
	const r = await c.make(c.distinct())
	const openings = c.open_all(r, { 0: 0n, 1: 0n, 2: 0n })
	const holder = c.holder(r, 1)
	const conflict = { settle: r2 => c.settle(r2, c.open_all(r2, { 0: 0n, 1: 0n, 2: 0n })), at: [1, holder] }
	for (const to of [c.transcoder, c.broadcaster]) {
		await run(c.bonding.setDelegate(holder.address, to.address))
		await refused(c.settle(r, openings), 'Conflicted', conflict.at)
		await refused(c.request(r, c.stored(r, [0, 1])), 'Conflicted', conflict.at)
	}
	assert.equal((await v.getDraws(r, 0, 5))[1].empty, true)
	await run(c.bonding.setDelegate(holder.address, ZeroAddress))
	await refused(conflict.settle({ ...r, broadcaster: holder.address }), 'Conflicted', conflict.at)
	await run(c.bonding.setDelegate(holder.address, c.stranger.address))
	await c.settle(r, openings)
})

test('seats that join after the challenge are not drawn', async () => {
	const r = await c.make(c.distinct())
	await c.join(c.stranger, 50)
	const draws = await v.getDraws(r, 0, 5)
	assert.deepEqual([...draws].map(d => d.owner), [0, 1, 2, 3, 4].map(k => c.holder(r, k).address))
	await c.settle(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n }))
})

test('seats that leave after the challenge keep their duty and their word', async () => {
	const r = await c.make(c.distinct())
	await run(c.by(c.holder(r, 0)).leaveSeats([r.seats[0]]))
	await run(c.by(c.holder(r, 1)).leaveSeats([r.seats[1]]))
	await c.settle(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n }))
})

test('without seats there is no draw', async () => {
	const r = { ...await c.make(), challengeBlock: 1 }
	await refused(c.settle(r, c.open(r, 0)), 'NoSeats', [1])
})

// ---- two transactions ----

test('a request is answered by three, in as many transactions as it takes', async () => {
	const r = await c.make(c.distinct())
	const receipt = await c.request(r, c.stored(r, [0, 1, 3]))
	const asked = event_of(receipt, v, 'Requested')
	assert.deepEqual([asked.stored, asked.deadline], [0b1011n, BigInt(receipt.blockNumber) + p.verdictPeriod])

	const first = await run(v.answer(r, c.open(r, 1)))
	assert.equal(events_of(first, v, 'Answered').length, 1)
	await refused(v.answer(r, c.open(r, 1)), 'AlreadyDone', [1])
	await run(v.answer(r, c.open(r, 4)))
	const last = await run(v.answer(r, c.open(r, 0)))
	assert.deepEqual(c.received(last), [{ verdicts: 0n, isFinal: false }])
	assert.equal(await phase(r), PHASE.settled)
	assert.deepEqual(c.paid(last), [[[1, 4, 0].map(k => c.holder(r, k).address), r.fee]])
	await refused(v.answer(r, c.open(r, 2)), 'WrongPhase', [PHASE.settled])
	await refused(v.finalize(r, c.decision(last)), 'WrongPhase', [PHASE.settled])
	await c.check_held()
})

test('mixed answers: each segment by its three, paid is who agrees with all of it', async () => {
	const r = await c.make(c.distinct(), { fee: 100n })
	await c.request(r)
	const verdict = answers_of(0n, FAIL, INVALID_INPUT, 0n)
	const receipt = await run(v.answer(r, c.open_all(r, { 0: verdict, 1: 0n, 2: verdict, 3: verdict, 4: FAIL })))
	assert.deepEqual(c.received(receipt), [{ verdicts: verdict, isFinal: false }])
	assert.equal(await phase(r), PHASE.decided)
	assert.deepEqual(c.paid(receipt), [[[0, 2, 3].map(k => c.holder(r, k).address), 100n]])
	await c.check_held()
})

test('a verdict put together from several answers pays all who answered', async () => {
	const r = await c.make(c.distinct(), { count: 3, fee: 50n })
	await c.request(r)
	const of = (a, b, d) => answers_of(a, b, d)
	const receipt = await run(v.answer(r, c.open_all(r, {
		0: of(FAIL, 0n, 0n), 1: of(0n, FAIL, 0n), 2: of(0n, 0n, FAIL), 3: of(FAIL, FAIL, 0n), 4: of(0n, 0n, FAIL),
	})))
	assert.deepEqual(c.paid(receipt), [[[0, 1, 2, 3, 4].map(k => c.holder(r, k).address), 50n]])
})

test('a FAIL is final only when its appeal time is over', async () => {
	const r = await c.make(c.distinct())
	await c.request(r)
	const receipt = await run(v.answer(r, c.open_all(r, { 0: FAIL, 1: FAIL, 2: FAIL })))
	const decision = c.decision(receipt)
	const until = BigInt(receipt.blockNumber) + p.appealPeriod
	await refused(v.finalize(r, decision), 'TooEarly', [until + 1n])
	await c.kit.chain.next_is(until)
	await refused(v.finalize(r, decision), 'TooEarly', [until + 1n])
	await c.kit.chain.next_is(until + 1n)
	await refused(v.finalize(r, { ...decision, verdicts: 0n }), 'ContentMismatch', [])
	await refused(v.finalize({ ...r, fee: 1n }, decision), 'ContentMismatch', [])
	const done = await run(v.finalize(r, decision))
	assert.deepEqual(c.received(done), [{ verdicts: FAIL, isFinal: true }])
	await refused(v.finalize(r, decision), 'WrongPhase', [PHASE.final])
})

test('two against two is no verdict', async () => {
	await run(v.connect(await c.kit.as_owner()).setCommittee(5, 2, 5))
	const r = await c.make(c.distinct())
	await c.request(r)
	await run(v.answer(r, c.open_all(r, { 0: FAIL, 1: FAIL, 2: 0n, 3: 0n })))
	assert.equal(await phase(r), PHASE.open)
	const receipt = await run(v.answer(r, c.open(r, 4)))
	assert.deepEqual(c.received(receipt), [{ verdicts: 0n, isFinal: false }])
})

test('a verifier that spoke with one seat is not heard with another later', async () => {
	await c.join(c.verifiers[0], 1)
	await c.mine(1)
	const r = await c.make(d => d(0) === 0 && d(2) === 40)
	await c.request(r)
	await run(v.answer(r, c.open(r, 0)))
	await refused(v.answer(r, opening(c.jobs, c.verifiers[0], 2, 0n, r)), 'SameVerifier', [2, c.verifiers[0]])
})

test('data that nobody stored and nobody finds is the transcoder\'s failure', async () => {
	const r = await c.make(c.distinct())
	await c.request(r, c.stored(r, [0, 1]))
	const verdict = answers_of(UNAVAILABLE, UNAVAILABLE, 0n, 0n)
	const receipt = await run(v.answer(r, c.open_all(r, { 2: verdict, 3: verdict, 4: verdict })))
	assert.deepEqual(c.received(receipt), [{ verdicts: answers_of(FAIL, FAIL, 0n, 0n), isFinal: false }])
})

test('who stored the data and denies it loses half a seat; the verdict stays UNAVAILABLE', async () => {
	const r = await c.make(c.distinct())
	await c.request(r, c.stored(r, [0, 1, 2]))
	const verdict = all(UNAVAILABLE, 4)
	const receipt = await run(v.answer(r, c.open_all(r, { 2: verdict, 3: verdict, 4: verdict })))
	expect_event(receipt, v, 'SeatFined', [c.holder(r, 2), r.seats[2], 1, p.seatStake / 2n])
	assert.equal(await v.tokens(c.sys.at.Treasury), p.seatStake / 2n)
	assert.deepEqual(c.received(receipt), [{ verdicts: verdict, isFinal: false }])
	const paid = await run(v.withdrawTokens(c.sys.at.Treasury))
	expect_event(paid, v, 'TokensWithdrawn', [c.sys.at.Treasury, p.seatStake / 2n])
	assert.equal(await c.token.balanceOf(c.sys.at.Treasury), p.seatStake / 2n)
	await c.check_held()
})

test('lies in statements are refused', async () => {
	const r = await c.make(c.distinct())
	const [a, b] = [0, 1].map(k => statement(c.jobs, c.holder(r, k), k, r))
	await refused(c.request(r, concat([b, a])), 'NotAscending', [0])
	await refused(c.request(r, concat([a, a])), 'NotAscending', [0])
	await refused(c.request(r, `${a}00`), 'BadLength', [68, 67])
	await refused(c.request(r, statement(c.jobs, c.holder(r, 0), 1, r)), 'BadSigner', [1, c.holder(r, 0), c.holder(r, 1)])
	await refused(c.request(r, statement(c.jobs, c.holder(r, 0), 0, { ...r, work: word(3) })), 'BadSigner', [0, ANY, ANY])
	await refused(c.request(r, statement(c.jobs, c.holder(r, 0), 7, r)), 'NotDrawn', [7, 5])
	await c.join(c.verifiers[0], 1)
	await c.mine(1)
	const twice = await c.make(d => d(0) === 0 && d(1) === 40)
	const two = concat([0, 1].map(k => statement(c.jobs, c.verifiers[0], k, twice)))
	await refused(c.request(twice, two), 'SameVerifier', [1, c.verifiers[0]])
})

test('an answer to what was never asked, or asked otherwise, is refused', async () => {
	const r = await c.make(c.distinct())
	await refused(v.answer(r, c.open(r, 0)), 'WrongPhase', [PHASE.none])
	await c.request(r)
	await refused(v.answer({ ...r, seed: word(5) }, c.open(r, 0)), 'ContentMismatch', [])
	await refused(v.answer({ ...r, fee: r.fee + 1n }, c.open(r, 0)), 'ContentMismatch', [])
	await refused(v.appeal(r, { verdicts: 0, answers: [] }), 'WrongPhase', [PHASE.open])
})

// ---- silence ----

test('one to five of five are silent: each is fined, five more are drawn, who reports has a part', async () => {
	for (let silent = 1; silent <= 5; silent++) {
		const r = await c.make(c.distinct(10), { claimId: silent })
		const request = await c.request(r)
		const answers = { 0: FAIL, 1: 0n, 2: UNAVAILABLE, 3: INVALID_INPUT }
		const said = Object.fromEntries(Object.entries(answers).slice(0, 5 - silent))
		if (silent < 5) await run(v.answer(r, c.open_all(r, said)))
		const due = BigInt(request.blockNumber) + p.verdictPeriod
		await refused(v.extend(r, []), 'TooEarly', [due + 1n])
		await c.kit.chain.next_is(due + 1n)

		const ks = [0, 1, 2, 3, 4].slice(5 - silent)
		const before = await v.tokens(c.finder.address)
		const stakes = await Promise.all(ks.map(k => c.stake(r.seats[k])))
		if (silent < 5) await refused(v.extend(r, [0]), 'AlreadyDone', [0])
		await refused(v.extend(r, [5]), 'NotDrawn', [5, 5])
		const receipt = await run(c.by(c.finder).extend(r, ks))
		expect_event(receipt, v, 'Extended', [r.ref.jobId, r.ref.transcoder, r.ref.claimId, 0, false, 1, receipt.blockNumber + Number(p.verdictPeriod)])
		const fines = stakes.map(s => s < p.silenceAmount ? s : p.silenceAmount).reduce((a, b) => a + b)
		assert.equal(await v.tokens(c.finder.address) - before, fines / 10n)
		for (const [i, k] of ks.entries()) assert.equal(await c.stake(r.seats[k]), stakes[i] - p.silenceAmount)
		await refused(v.answer(r, c.open(r, 4)), 'AlreadyDone', [4])

		const heard = await run(v.answer(r, c.open_all(r, { 5: FAIL, 6: FAIL, 7: FAIL })))
		assert.deepEqual(c.received(heard), [{ verdicts: FAIL, isFinal: false }])
		await c.check_held()
	}
})

test('a fined seat is out until it is topped up; stake beyond a seat\'s keeps it in', async () => {
	await c.fund_tokens(c.verifiers[1], p.silenceAmount)
	await run(c.by(c.verifiers[1]).topUpSeat(2, p.silenceAmount))
	await c.mine(1)
	const r = await c.make(d => d(0) === 0 && d(1) === 1)
	const request = await c.request(r)
	await c.kit.chain.next_is(BigInt(request.blockNumber) + p.verdictPeriod + 1n)
	const receipt = await run(v.extend(r, [0, 1]))
	assert.deepEqual(events_of(receipt, v, 'SeatLeft').map(e => e.seatId), [1n])
	assert.equal(await v.seatCount(), 39n)
	assert.deepEqual([(await v.getSeat(2)).leftAt, (await v.getSeat(2)).stake], [0n, p.seatStake])
	await c.fund_tokens(c.verifiers[0], p.silenceAmount)
	await refused(c.by(c.verifiers[0]).topUpSeat(1, p.silenceAmount - 1n), 'StakeBelowSeat', [1, p.seatStake - 1n, p.seatStake])
	await run(c.by(c.verifiers[0]).topUpSeat(1, p.silenceAmount))
	assert.equal(await v.seatCount(), 40n)
	await c.check_held()
})

test('empty draws are not fined', async () => {
	await c.join(c.verifiers[0], 1)
	await c.mine(1)
	const r = await c.make(d => d(0) === 0 && d(2) === 40 && c.distinct()(d))
	await run(c.bonding.setDelegate(c.holder(r, 1).address, c.transcoder.address))
	const request = await c.request(r)
	await c.kit.chain.next_is(BigInt(request.blockNumber) + p.verdictPeriod + 1n)
	await refused(v.extend(r, [1]), 'EmptyDraw', [1])
	await refused(v.extend(r, [2]), 'EmptyDraw', [2])
	await refused(v.extend(r, [0, 0]), 'AlreadyDone', [0])
	await run(v.extend(r, [0]))
})

test('who answered with its second draw is not fined for its first', async () => {
	await c.join(c.verifiers[0], 1)
	await c.mine(1)
	const r = await c.make(d => d(0) === 0 && d(2) === 40)
	const request = await c.request(r)
	await run(v.answer(r, opening(c.jobs, c.verifiers[0], 2, 0n, r)))
	await c.kit.chain.next_is(BigInt(request.blockNumber) + p.verdictPeriod + 1n)
	await refused(v.extend(r, [0]), 'EmptyDraw', [0])
})

test('a seat that left after the challenge is fined all the same', async () => {
	const r = await c.make(c.distinct())
	const request = await c.request(r)
	await run(c.by(c.holder(r, 0)).leaveSeats([r.seats[0]]))
	await c.kit.chain.next_is(BigInt(request.blockNumber) + p.verdictPeriod + 1n)
	const receipt = await run(v.extend(r, [0]))
	expect_event(receipt, v, 'SeatFined', [c.holder(r, 0), r.seats[0], 0, p.silenceAmount])
})

async function extend_all(r, request) {
	let due = BigInt(request.blockNumber) + p.verdictPeriod
	for (let i = 0; i < 3; i++) {
		await c.kit.chain.next_is(due + 1n)
		due = BigInt((await run(v.extend(r, []))).blockNumber) + p.verdictPeriod
	}
	return due
}

test('three extensions, then no verdict: the fee goes back when nobody answered', async () => {
	const r = await c.make(c.distinct(8))
	const due = await extend_all(r, await c.request(r))
	await refused(v.endWithoutVerdict(r, []), 'TooEarly', [due + 1n])
	await c.kit.chain.next_is(due + 1n)
	await refused(v.extend(r, []), 'NoMoreExtensions', [3])
	const receipt = await run(c.by(c.finder).endWithoutVerdict(r, [0, 7]))
	expect_event(receipt, v, 'NoVerdict', [r.ref.jobId, r.ref.transcoder, 0, 0])
	expect_event(receipt, c.jobs, 'ReceivedNone', [r.ref.jobId, r.ref.transcoder, 0, [], r.fee])
	assert.equal(await v.tokens(c.finder.address), 2n * p.silenceAmount / 10n)
	assert.equal(await phase(r), PHASE.none)
	await refused(v.endWithoutVerdict(r, []), 'WrongPhase', [PHASE.none])
	await c.check_held()
})

test('no verdict: who answered in vain shares the fee', async () => {
	const r = await c.make(c.distinct())
	const request = await c.request(r)
	await run(v.answer(r, c.open_all(r, { 0: 0n, 3: FAIL })))
	await c.kit.chain.next_is(await extend_all(r, request) + 1n)
	const receipt = await run(v.endWithoutVerdict(r, []))
	expect_event(receipt, c.jobs, 'ReceivedNone', [r.ref.jobId, r.ref.transcoder, 0, [0, 3].map(k => c.holder(r, k).address), r.fee])
	await c.check_held()
})

test('a request that nobody cares for dies at a known block', async () => {
	const r = await c.make(c.distinct())
	const request = await c.request(r)
	const end = BigInt(request.blockNumber) + 2n * p.verdictPeriod
	await c.kit.chain.next_is(end)
	await refused(v.endWithoutVerdict(r, []), 'TooEarly', [end + 1n])
	await c.kit.chain.next_is(end + 1n)
	await refused(v.answer(r, c.open(r, 0)), 'TooLate', [end])
	await refused(v.extend(r, []), 'TooLate', [end])
	await run(v.endWithoutVerdict(r, []))
	await c.check_held()
})

test('answers after their time are taken until somebody extends', async () => {
	const r = await c.make(c.distinct())
	const request = await c.request(r)
	await c.kit.chain.next_is(BigInt(request.blockNumber) + p.verdictPeriod + 1n)
	const receipt = await run(v.answer(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n })))
	assert.equal(c.received(receipt).length, 1)
})

test('a batch of 64 segments', async () => {
	const r = await c.make(c.distinct(), { count: 64 })
	await c.request(r)
	const mixed = BigInt(keccak256(word(1))) & (1n << 128n) - 1n
	const receipt = await run(v.answer(r, c.open_all(r, { 0: mixed, 1: mixed, 2: mixed })))
	assert.equal(c.decision(receipt).verdicts, mixed)
})
