// A random walk over everything that moves ETH: what the JobsManager holds is always the sum of
// deposits, escrows, fees reserved by pending claims, of batches that await a verdict and owed to
// verifiers, and all of it can be had out again.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { id, toBeHex } from 'ethers'
import { Reverted, event_of, random_from, run, seed } from './lib/kit.mjs'
import { JUDGES, STATUS, World } from './lib/jobs.mjs'

const STEPS = Number(process.env.STEPS || 150)
const NONE = toBeHex(0, 32)
const salt = id('walk')

let w, jobs, random
const all_jobs = [], claims = []
const below = n => Math.floor(random() * n)
const one_of = list => list[below(list.length)]
before(async () => {
	console.log(`# SEED=${seed}`)
	random = random_from()
	w = await World.start()
	jobs = w.jobs
	w.broadcasters = [w.broadcaster, w.finder, w.stranger]
})
after(() => w.kit.stop())

const steps = {
	deposit: () => run(jobs.connect(one_of(w.broadcasters)).deposit({ value: BigInt(below(1000000)) })),
	withdraw: () => run(jobs.connect(one_of(w.broadcasters)).withdraw()),
	job: async () => {
		await w.kit.ensure_round()
		const escrow = BigInt(1000 + below(100000))
		const planted = below(3) ? undefined : [0n, 1n]
		all_jobs.push(await w.job({ by: one_of(w.broadcasters), escrow, blocks: 1 + below(60), price: BigInt(below(20)), planted, salt }))
	},
	topUp: () => {
		const job = one_of(all_jobs)
		return run(jobs.connect(job.by).topUp(job.id, BigInt(below(1000)), { value: BigInt(below(1500)) }))
	},
	endJob: () => run(jobs.connect(one_of(all_jobs).by).endJob(one_of(all_jobs).id)),
	refund: () => run(jobs.refund(one_of(all_jobs).id)),
	claim: async () => {
		const job = one_of(all_jobs)
		const by = one_of(w.transcoders)
		const [next] = await jobs.progress(job.id, by.address)
		claims.push(await w.claim(job, { by, ranges: [[Number(next) + below(3), 1 + below(5)]] }))
	},
	verify: () => submit((c, s) => w.verify(c, s, some_judges())),
	request: () => submit(async (c, s) => {
		const { request } = event_of(await w.request(c, s), w.verifier, 'Asked')
		c.requests = [...c.requests ?? [], { fee: request.fee, n: s.length }]
	}),
	verdicts: () => answer((v, c, r) => {
		const verdicts = below(2) ? 0 : below(4 ** r.n)
		return run(v.receiveVerdicts(c.ref, verdicts, r.n, true, some_addresses(), r.fee))
	}),
	no_verdict: () => answer((v, c, r) => run(v.receiveNoVerdict(c.ref, below(2) ? [] : some_addresses(), r.fee))),
	fees: () => run(jobs.withdrawVerifierFees(one_of(JUDGES).address)),
	missed: () => {
		const c = one_of(claims)
		return run(jobs.missedVerificationSlash(c.ref, c.receipts[0].sequence, c.bytes, c.root, c.batches ?? [], NONE))
	},
	refute: async () => {
		const c = one_of(claims)
		const { ranked } = await w.election(c.job)
		return run(jobs.refuteElection(c.job.id, c.by.address, [ranked[0].address], NONE))
	},
	reveal: () => {
		const c = one_of(claims)
		return run(jobs.connect(c.job.by).revealPlanted(c.ref, c.job.details, salt, [0n, 1n], '0x'))
	},
	distribute: () => w.distribute(one_of(claims)),
	time: () => w.chain.mine(1 + below(30)),
}

const some_judges = () => JUDGES.slice(0, 1 + below(3))
const some_addresses = () => some_judges().map(j => j.address)

async function submit(send) {
	const c = one_of(claims)
	const rest = c.receipts.map(r => r.sequence).filter(s => !(c.shown ?? []).some(x => x >= s))
	if (!rest.length) return
	const sequences = rest.slice(0, 1 + below(rest.length))
	await send(c, sequences)
	c.shown = [...c.shown ?? [], ...sequences]
}

async function answer(send) {
	const c = one_of(claims.filter(c => c.requests?.length))
	if (c) await send(w.as_verifier(), c, c.requests.shift())
}

const often = ['job', 'claim', 'claim', 'claim', 'verify', 'verify', 'request', 'verdicts', 'distribute', 'distribute', 'refund', 'time']
const choice = () => below(2) ? one_of(often) : one_of(Object.keys(steps))

/* What the chain refuses is no step; true if it was one. */
async function attempt(name) {
	try {
		await steps[name]()
		return true
	} catch (e) {
		if (e instanceof Reverted || e.code === 'CALL_EXCEPTION') return false
		throw e
	}
}

/* Fees of batches that await a verdict. */
const awaited = () => claims.flatMap(c => c.requests ?? []).reduce((sum, r) => sum + r.fee, 0n)

async function check(name) {
	assert.equal(await w.chain.balance(jobs), await w.held([...w.kit.accounts, ...JUDGES], claims) + awaited(), `after ${name}`)
}

test('ETH is conserved in a random walk, and comes out whole', async () => {
	const done = {}
	// A first claim, for the steps that need one: a random job may be too short or too poor for it.
	for (let i = 0; !claims.length; i++) {
		assert.ok(i < 50, 'no claim')
		for (const name of ['deposit', 'job', 'claim']) await attempt(name)
	}
	for (let i = 0; i < STEPS; i++) {
		const name = choice()
		if (!await attempt(name)) continue
		done[name] = (done[name] ?? 0) + 1
		await check(name)
	}
	console.log(`# ${JSON.stringify(done)}`)

	// In the end nothing is left in the way of anyone.
	await w.chain.mine(300)
	for (const c of claims) {
		for (const r of c.requests ?? []) await run(w.as_verifier().receiveVerdicts(c.ref, 0, r.n, true, JUDGES.map(j => j.address), r.fee))
		if ((await w.get_claim(c)).status === STATUS.Pending) await w.distribute(c)
	}
	for (const j of JUDGES) if (await jobs.verifierFees(j.address)) await run(jobs.withdrawVerifierFees(j.address))
	for (const job of all_jobs) if ((await jobs.getJob(job.id)).escrow) await run(jobs.refund(job.id))
	for (const b of w.broadcasters) if (await jobs.broadcasters(b.address)) await run(jobs.connect(b).withdraw())
	assert.equal(await w.chain.balance(jobs), 0n)
})
