// Appeals, planted segments and parameters of the Verifier.  JobsManager is a mock here.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { concat } from 'ethers'
import {
	Court, FAIL, UNAVAILABLE, all, answers_of, jury_of, jury_openings, account_of, opening, plant_proof, planted_hash,
	work_items,
} from './lib/court.mjs'
import { ANY, abi_hash, event_of, events_of, expect_event, expect_revert, run, word } from './lib/kit.mjs'

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
/* EIP-2935: without it a block's hash is gone after 256 blocks. */
const HISTORY = '0x0000F90827F1C53a10cb7A02335B175320002935'
const OUTCOME = { overturned: 0n, upheld: 1n, none: 2n }
const phase = async r => (await v.getRecord(r.ref, r.batch)).phase
const sum_of = async (accounts, get) => (await Promise.all(accounts.map(get))).reduce((a, b) => a + b, 0n)

const enough_jurors = draws => draws.filter(d => !d.empty).length >= Number(p.juryQuorum)

/* An appeal in a block that draws a fit jury: one in hundreds has not the eight for a verdict. */
async function appeal(r, decision, { by = c.finder, fit = enough_jurors } = {}) {
	for (;; await c.mine(1)) {
		const before = await c.kit.snapshot()
		const receipt = await run(c.by(by).appeal(r, decision))
		await c.mine(2)
		const { draws } = await jury_of(c, r, decision)
		if (fit(draws)) return receipt
		await c.kit.revert(before)
	}
}

/* A request, its first verdict by the first three of the draws, and an appeal by the finder. */
async function appealed(first, options = {}) {
	const r = await c.make(c.distinct(), options)
	let decision
	if (first === 0n) decision = await c.settled(r)
	else {
		await c.request(r, options.stored ? c.stored(r, options.stored) : '0x')
		decision = c.decision(await run(v.answer(r, c.open_all(r, { 0: first, 1: first, 2: first }))))
	}
	const receipt = await appeal(r, decision)
	const due = event_of(receipt, v, 'AppealOpened').deadline
	return { r, decision, receipt, due }
}

test('verifiers that always say PASS are overturned by a jury and pay for it', async () => {
	const before = await c.token.balanceOf(c.finder)
	const { r, decision, receipt } = await appealed(0n)
	expect_event(receipt, v, 'AppealOpened', [r.ref.jobId, r.ref.transcoder, 0, 0, c.finder, p.appealBond, receipt.blockNumber + 1 + Number(p.juryPeriod)])
	assert.equal(before - await c.token.balanceOf(c.finder), p.appealBond)
	assert.equal(await phase(r), PHASE.appealed)
	assert.equal((await v.getAppeal(r.ref, 0)).appellant, c.finder.address)
	await c.check_held({ bonds: p.appealBond })

	const fail = answers_of(0n, FAIL, 0n, 0n)
	const { openings, jurors } = await jury_openings(c, r, decision, fail)
	const done = await run(v.judge(r, decision, openings))
	expect_event(done, v, 'AppealEnded', [r.ref.jobId, r.ref.transcoder, 0, 0, OUTCOME.overturned, fail])
	assert.deepEqual(c.received(done), [{ verdicts: fail, isFinal: true }])
	const lost = p.seatStake * p.overturnedSlash / 1000000n
	for (const k of [0, 1, 2]) assert.equal(await c.stake(r.seats[k]), p.seatStake - lost)
	assert.equal(await v.tokens(c.finder.address), p.appealBond + 3n * lost / 2n)
	const to_jury = await sum_of(jurors, j => v.tokens(j))
	assert.equal(to_jury, 3n * lost - 3n * lost / 2n)
	assert.equal(await phase(r), PHASE.final)
	await c.check_held()
	await run(v.withdrawTokens(c.finder.address))
	assert.equal(await c.token.balanceOf(c.finder), before + 3n * lost / 2n)
	await c.check_held()
})

test('an appeal that is lost pays the jury; there is no second one', async () => {
	const { r, decision } = await appealed(0n)
	const { openings, jurors } = await jury_openings(c, r, decision, 0n)
	const done = await run(v.judge(r, decision, openings))
	expect_event(done, v, 'AppealEnded', [r.ref.jobId, r.ref.transcoder, 0, 0, OUTCOME.upheld, 0])
	assert.deepEqual(c.received(done), [])
	assert.equal(await sum_of(jurors, j => v.tokens(j)), p.appealBond)
	assert.equal(await v.tokens(c.finder.address), 0n)
	for (const k of [0, 1, 2]) assert.equal(await c.stake(r.seats[k]), p.seatStake)
	await refused(c.by(c.finder).appeal(r, decision), 'WrongPhase', [PHASE.final])
	await refused(v.judge(r, decision, openings), 'WrongPhase', [PHASE.final])
	await c.check_held()
})

test('a FAIL that stands after its appeal is in force at once', async () => {
	const { r, decision } = await appealed(FAIL)
	await refused(v.finalize(r, decision), 'WrongPhase', [PHASE.appealed])
	const { openings } = await jury_openings(c, r, decision, FAIL)
	const done = await run(v.judge(r, decision, openings))
	assert.deepEqual(c.received(done), [{ verdicts: FAIL, isFinal: true }])
	await refused(v.finalize(r, decision), 'WrongPhase', [PHASE.final])
})

test('a wrong FAIL is overturned before it does harm', async () => {
	const { r, decision } = await appealed(FAIL)
	const { openings } = await jury_openings(c, r, decision, 0n)
	const done = await run(v.judge(r, decision, openings))
	assert.deepEqual(c.received(done), [{ verdicts: 0n, isFinal: true }])
	assert.equal(events_of(done, v, 'SeatFined').length, 3)
	await c.check_held()
})

test('only who gave the overturned answer loses', async () => {
	const r = await c.make(c.distinct())
	await c.request(r)
	const decision = c.decision(await run(v.answer(r, c.open_all(r, { 0: 0n, 1: FAIL, 2: 0n, 3: 0n, 4: answers_of(0n, FAIL, 0n, 0n) }))))
	await appeal(r, decision)
	const { openings } = await jury_openings(c, r, decision, FAIL)
	const done = await run(v.judge(r, decision, openings))
	assert.deepEqual(events_of(done, v, 'SeatFined').map(e => e.owner).sort(), [0, 2, 3, 4].map(k => c.holder(r, k).address).sort())
})

test('UNAVAILABLE from a jury is no finding, and UNAVAILABLE overturned costs nobody', async t => {
	await t.test('withholding the data from the jury does not overturn PASS', async () => {
		const { r, decision } = await appealed(0n)
		const { openings } = await jury_openings(c, r, decision, all(UNAVAILABLE, 4))
		const done = await run(v.judge(r, decision, openings))
		expect_event(done, v, 'AppealEnded', [ANY, ANY, ANY, ANY, OUTCOME.upheld, 0])
		assert.equal(events_of(done, v, 'SeatFined').length, 0)
		await c.check_held()
	})
	await t.test('withholding it from the committee does not trap the committee', async () => {
		const { r, decision } = await appealed(all(UNAVAILABLE, 4), { claimId: 1 })
		const { openings } = await jury_openings(c, r, decision, 0n)
		const done = await run(v.judge(r, decision, openings))
		expect_event(done, v, 'AppealEnded', [ANY, ANY, ANY, ANY, OUTCOME.overturned, 0])
		assert.deepEqual(c.received(done), [{ verdicts: 0n, isFinal: true }])
		assert.equal(events_of(done, v, 'SeatFined').length, 0)
		assert.equal(await v.tokens(c.finder.address), p.appealBond)
		await c.check_held()
	})
})

test('a jury is fresh: first verifiers, the appellant, the parties do not sit', async () => {
	const r = await c.make(c.distinct())
	const decision = await c.settled(r)
	const appellant = c.verifiers.find((_, i) => !r.seats.slice(0, 3).includes(i + 1))
	await c.fund_tokens(appellant, p.appealBond)
	await run(c.bonding.setDelegate(c.verifiers[39].address, c.transcoder.address))
	const barred = new Set([appellant, c.verifiers[39], ...[0, 1, 2].map(k => c.holder(r, k))].map(a => a.address))
	const of_barred = list => new Set(list.map(d => d.owner).filter(a => barred.has(a))).size
	await appeal(r, decision, { by: appellant, fit: list => of_barred(list) >= 2 })
	const { draws, seed } = await jury_of(c, r, decision, 0, 60)
	const seen = new Set()
	for (const d of draws) {
		assert.equal(d.empty, barred.has(d.owner) || seen.has(d.owner))
		seen.add(d.owner)
	}
	const work = abi_hash(['bytes32', 'bytes32'], [r.work, seed])
	const drawn = draws.slice(0, 15).filter(d => barred.has(d.owner))
	assert.ok(of_barred(drawn) >= 2)
	for (const { k, owner } of drawn) {
		const bad = opening(c.jobs, account_of(c, owner), Number(k), 0n, { ...r, work })
		await refused(v.judge(r, decision, bad), 'Conflicted', [k, owner])
	}
})

test('an answer to the first request is none to the jury\'s', async () => {
	const { r, decision } = await appealed(0n)
	const { draws } = await jury_of(c, r, decision)
	const d = draws.find(x => !x.empty)
	await refused(v.judge(r, decision, opening(c.jobs, account_of(c, d.owner), Number(d.k), 0n, r)), 'BadSigner', [d.k, ANY, d.owner])
})

test('a jury\'s hash is not known when the appeal is made', async () => {
	const r = await c.make(c.distinct())
	const decision = await c.settled(r)
	const receipt = await run(c.by(c.finder).appeal(r, decision))
	await expect_revert(v.getJury(r, decision, 0, 1, { blockTag: receipt.blockNumber }), c.sys.RoundsManager, 'BlockHashUnavailable', [receipt.blockNumber + 1])
})

test('jurors may be heard in several transactions; seven of fifteen are no verdict', async () => {
	const { r, decision } = await appealed(0n)
	const seven = await jury_openings(c, r, decision, FAIL, { n: 7 })
	const heard = await run(v.judge(r, decision, seven.openings))
	expect_event(heard, v, 'Answered', [ANY, ANY, ANY, 0, true, ANY])
	assert.equal(await phase(r), PHASE.appealed)
	await refused(v.judge(r, decision, seven.openings), 'AlreadyDone', [seven.ks[0]])
	const eighth = await jury_openings(c, r, decision, FAIL, { n: 1, skip: seven.ks })
	const done = await run(v.judge(r, decision, eighth.openings))
	expect_event(done, v, 'AppealEnded', [ANY, ANY, ANY, ANY, OUTCOME.overturned, FAIL])
	await c.check_held()
})

test('a jury that finds nothing is redrawn once; then the first verdict stands', async () => {
	const { r, decision, due } = await appealed(0n)
	const { openings, jurors } = await jury_openings(c, r, decision, FAIL, { n: 3 })
	await run(v.judge(r, decision, openings))
	await refused(v.redraw(r, decision, []), 'TooEarly', [due + 1n])
	await refused(v.endAppeal(r, decision, []), 'TooEarly', [due + p.juryPeriod + 1n])
	await c.kit.chain.next_is(due + 1n)
	const { draws } = await jury_of(c, r, decision)
	const silent = draws.filter(d => !d.empty && !jurors.includes(d.owner)).map(d => d.k).slice(0, 2)
	const redrawn = await run(c.by(c.stranger).redraw(r, decision, silent))
	assert.equal(events_of(redrawn, v, 'SeatFined').length, 2)
	assert.equal(await v.tokens(c.stranger.address), 2n * p.silenceAmount / 10n)
	const due2 = event_of(redrawn, v, 'Extended').deadline
	await refused(v.redraw(r, decision, []), 'TooEarly', [due2 + 1n])
	const more = await jury_openings(c, r, decision, FAIL, { n: 1, from: 15, to: 30 })
	await c.kit.chain.next_is(due2 + 1n)
	await refused(v.redraw(r, decision, []), 'NoMoreExtensions', [1])
	await refused(v.endAppeal(r, decision, [more.ks[0], more.ks[0]]), 'AlreadyDone', [more.ks[0]])
	const done = await run(v.endAppeal(r, decision, []))
	expect_event(done, v, 'AppealEnded', [ANY, ANY, ANY, ANY, OUTCOME.none, 0])
	const part = p.appealBond * p.juryShare / 1000000n
	assert.equal(await sum_of(jurors, j => v.tokens(j)), part)
	assert.equal(await v.tokens(c.finder.address), p.appealBond - part)
	assert.deepEqual(c.received(done), [])
	await c.check_held()
})

test('a redrawn jury may find a verdict with the votes of the first', async () => {
	const { r, decision, due } = await appealed(0n)
	await run(v.judge(r, decision, (await jury_openings(c, r, decision, FAIL, { n: 5 })).openings))
	await c.kit.chain.next_is(due + 1n)
	await run(v.redraw(r, decision, []))
	const { openings } = await jury_openings(c, r, decision, FAIL, { n: 3, from: 15, to: 30 })
	const done = await run(v.judge(r, decision, openings))
	expect_event(done, v, 'AppealEnded', [ANY, ANY, ANY, ANY, OUTCOME.overturned, FAIL])
	await c.check_held()
})

test('an appeal ends though its seed was never sealed and nobody came', async () => {
	const { r, decision, due } = await appealed(FAIL)
	await c.kit.chain.rpc('anvil_setCode', HISTORY, '0x')
	await c.mine(300)
	await refused(v.judge(r, decision, '0x'), 'TooLate', [due + p.juryPeriod])
	await refused(v.redraw(r, decision, []), 'TooLate', [due + p.juryPeriod])
	await expect_revert(v.endAppeal(r, decision, [0]), c.sys.RoundsManager, 'BlockHashUnavailable', [ANY])
	const done = await run(v.endAppeal(r, decision, []))
	assert.deepEqual(c.received(done), [{ verdicts: FAIL, isFinal: true }])
	assert.equal(await v.tokens(c.finder.address), p.appealBond)
	await c.check_held()
})

test('appeals too late, of what was not decided so, or without a bond are refused', async () => {
	const r = await c.make(c.distinct())
	const receipt = await c.settle(r, c.open_all(r, { 0: 0n, 1: 0n, 2: 0n }))
	const decision = await c.record(r, receipt)
	const until = BigInt(receipt.blockNumber) + p.appealPeriod
	await refused(c.by(c.finder).appeal(r, { ...decision, verdicts: FAIL }), 'ContentMismatch', [])
	await refused(c.by(c.finder).appeal(r, { ...decision, answers: decision.answers.slice(1) }), 'ContentMismatch', [])
	await refused(c.by(c.finder).appeal({ ...r, work: word(1) }, decision), 'ContentMismatch', [])
	await expect_revert(c.by(c.stranger).appeal(r, decision), c.token, 'ERC20InsufficientAllowance', [v, 0, p.appealBond])
	await refused(v.judge(r, decision, '0x'), 'WrongPhase', [PHASE.settled])
	await c.kit.chain.next_is(until + 1n)
	await refused(c.by(c.finder).appeal(r, decision), 'TooLate', [until])
})

test('the overturned lose what is left of a seat, and are out', async () => {
	await run(v.connect(await c.kit.as_owner()).setOverturnedSlash(1000000))
	const { r, decision } = await appealed(0n)
	await run(c.by(c.holder(r, 0)).leaveSeats([r.seats[0]]))
	const { openings } = await jury_openings(c, r, decision, FAIL)
	await run(v.judge(r, decision, openings))
	for (const k of [0, 1, 2]) assert.equal(await c.stake(r.seats[k]), 0n)
	assert.equal(await v.seatCount(), 37n)
	await c.check_held()
})

test('a claim is settled when no appeal is open or may be opened', async () => {
	const ref = { jobId: 9n, transcoder: c.transcoder.address, claimId: 0 }
	assert.equal(await v.isSettled(ref), true)
	const { r, decision, due } = await appealed(0n)
	assert.equal(await v.isSettled(ref), false)
	await c.kit.chain.next_is(due + p.juryPeriod + p.appealPeriod + 1n)
	assert.equal(await v.isSettled(ref), false)
	await run(v.endAppeal(r, decision, []))
	assert.equal(await v.isSettled(ref), true)
	const other = await c.make(c.distinct(), { claimId: 1 })
	const receipt = await c.settle(other, c.open_all(other, { 0: 0n, 1: 0n, 2: 0n }))
	assert.equal(await v.isSettled(other.ref), false)
	await c.mine(Number(p.appealPeriod))
	assert.equal(await v.isSettled(other.ref), false)
	assert.equal(await c.kit.chain.block(), receipt.blockNumber + Number(p.appealPeriod))
	await c.mine(2)
	assert.equal(await v.isSettled(other.ref), true)
})

// ---- plants ----

const salt = word(0xabc)
const planted_items = () => work_items([10, 20, 30, 40]).map(i => i.sequence === 20 ? { ...i, transcodedHash: planted_hash(salt, 20) } : i)
const punish = (r, sequences, proof) => run(c.jobs.punishPlanted(v.target, r.ref, r.broadcaster, sequences, proof))

test('who passes a planted segment pays half to the broadcaster; who failed it has the escrow', async () => {
	const items = planted_items()
	const r = await c.make(c.distinct(), { items })
	await c.request(r)
	const caught = answers_of(0n, FAIL, 0n, 0n)
	const decision = c.decision(await run(v.answer(r, c.open_all(r, { 0: 0n, 1: caught, 2: 0n, 3: 0n, 4: answers_of(0n, UNAVAILABLE, 0n, 0n) }))))
	const receipt = await punish(r, [20], plant_proof(salt, [{ request: r, decision, items }]))
	expect_event(receipt, v, 'PlantPunished', [r.ref.jobId, r.ref.transcoder, 0, 3, 1])
	const lost = p.seatStake / 2n
	for (const k of [0, 2, 3]) assert.equal(await c.stake(r.seats[k]), p.seatStake - lost)
	for (const k of [1, 4]) assert.equal(await c.stake(r.seats[k]), p.seatStake)
	assert.equal(await v.tokens(c.broadcaster.address), 3n * lost / 2n)
	assert.equal(await v.tokens(c.sys.at.Treasury), 3n * lost - 3n * lost / 2n)
	expect_event(receipt, c.jobs, 'Heirs', [[c.holder(r, 1).address]])
	await c.check_held()
})

test('the escrow goes to the CommonPool when nobody failed the plant; nobody is punished twice', async () => {
	const items = planted_items()
	const r = await c.make(c.distinct(), { items })
	const decision = await c.settled(r)
	const batch = { request: r, decision, items }
	await refused(punish(r, [20], plant_proof(salt, [batch, batch])), 'WrongClaim', [0])
	const receipt = await punish(r, [5, 20, 99], plant_proof(salt, [batch]))
	expect_event(receipt, c.jobs, 'Heirs', [[c.sys.at.Treasury]])
	await c.check_held()
})

test('good work cannot be called a plant, nor another claim\'s, nor what was not judged', async () => {
	const items = planted_items()
	const r = await c.make(c.distinct(), { items })
	const decision = await c.settled(r)
	const proof = (more = {}, s = salt) => plant_proof(s, [{ request: r, decision, items, ...more }])
	await refused(punish(r, [10], proof()), 'NotPlanted', [10])
	await refused(punish(r, [10, 20], proof()), 'NotPlanted', [10])
	await refused(punish(r, [20], proof({}, word(1))), 'NotPlanted', [20])
	await refused(punish(r, [21], proof()), 'PlantNotShown', [])
	await refused(punish(r, [], proof()), 'PlantNotShown', [])
	await refused(punish({ ...r, ref: { ...r.ref, claimId: 1 } }, [20], proof()), 'WrongClaim', [0])
	await refused(punish(r, [20], proof({ decision: { ...decision, verdicts: FAIL } })), 'ContentMismatch', [])
	await refused(punish(r, [20], proof({ items: work_items([10, 20, 30, 40]) })), 'ContentMismatch', [])
	const open = await c.make(c.distinct(), { items, claimId: 2 })
	await c.request(open)
	await refused(punish(open, [20], proof({ request: open })), 'WrongPhase', [PHASE.open])
	const unrecorded = await c.make(c.distinct(), { items, claimId: 3 })
	await c.settle(unrecorded, c.open_all(unrecorded, { 0: 0n, 1: 0n, 2: 0n }))
	await refused(punish(unrecorded, [20], proof({ request: unrecorded })), 'WrongPhase', [PHASE.none])
	await expect_revert(punish(r, [20], '0x'), v, '')
	await refused(punish(r, [20], plant_proof(salt, [])), 'PlantNotShown', [])
})

// ---- parameters ----

test('parameters are the owner\'s to set, within bounds', async () => {
	const owner = v.connect(await c.kit.as_owner())
	const cases = [
		['setSeatStake', [5], { seatStake: 5n }, [[0], 'seatStake', 0]],
		['setSilenceAmount', [0], { silenceAmount: 0n }, [[1n << 96n], 'silenceAmount', 1n << 96n]],
		['setAppealBond', [7], { appealBond: 7n }, [[1n << 96n], 'appealBond', 1n << 96n]],
		['setOverturnedSlash', [1000000], { overturnedSlash: 1000000n }, [[1000001], 'overturnedSlash', 1000001]],
		['setShares', [1, 2, 3], { finderShare: 1n, appellantShare: 2n, juryShare: 3n }, [[1000001, 0, 0], 'finderShare', 1000001]],
		['setShares', [0, 0, 0], {}, [[0, 1000001, 0], 'appellantShare', 1000001]],
		['setShares', [0, 0, 0], {}, [[0, 0, 1000001], 'juryShare', 1000001]],
		['setPeriods', [4, 5, 6], { verdictPeriod: 4n, appealPeriod: 5n, juryPeriod: 6n }, [[0, 5, 6], 'verdictPeriod', 0]],
		['setPeriods', [4, 5, 6], {}, [[4, 0, 6], 'appealPeriod', 0]],
		['setPeriods', [4, 5, 6], {}, [[4, 5, 10000001], 'juryPeriod', 10000001]],
		['setCommittee', [8, 4, 8], { committee: 8n, quorum: 4n, extensionDraws: 8n }, [[9, 1, 1], 'committee', 9]],
		['setCommittee', [5, 3, 5], {}, [[5, 6, 5], 'quorum', 6]],
		['setCommittee', [5, 3, 5], {}, [[5, 3, 9], 'extensionDraws', 9]],
		['setJury', [16, 9], { juryDraws: 16n, juryQuorum: 9n }, [[17, 9], 'juryDraws', 17]],
		['setJury', [15, 8], {}, [[15, 16], 'juryQuorum', 16]],
	]
	for (const [name, args, after, [bad, param, value]] of cases) {
		await refused(c.by(c.stranger)[name](...args), 'OnlyControllerOwner', [c.stranger])
		await refused(owner[name](...bad), 'InvalidParameter', [param, value])
		const receipt = await run(owner[name](...args))
		assert.equal(events_of(receipt, v, 'ParameterUpdate').length, 1)
		const now = await v.parameters()
		for (const [key, expected] of Object.entries(after)) assert.equal(now[key], expected, key)
	}
	assert.equal(await v.finality(), 8n * 4n + 5n + 1n + 4n * 6n)
})

test('periods that stake would not outlast are refused', async () => {
	await run(c.jobs.set(1001, 0))
	await refused(v.connect(await c.kit.as_owner()).setPeriods(1, 1, 1), 'InvalidParameter', ['periods', 1001])
})

test('it is initialised once', async () => {
	await refused(v.initialize(p.toObject()), 'InvalidInitialization', [])
})
