// What jobs cost, through the proxy and with mocks for the BondingManager and the Verifier.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { run } from './lib/kit.mjs'
import { ETH, World } from './lib/jobs.mjs'

let w
before(async () => { w = await World.start() })
after(() => w.kit.stop())
beforeEach(() => w.kit.reset())

function within(name, gas, most) {
	console.log(`# ${name}: ${gas} gas of ${most}`)
	assert.ok(gas <= most, `${name}: ${gas} gas, at most ${most}`)
}

test('a job and its claims', async () => {
	await run(w.jobs.connect(w.broadcaster).deposit({ value: 10n * ETH }))
	await w.job()
	const job = await w.job({ value: 0n })
	within('job', Number(job.receipt.gasUsed), 150000)

	const first = await w.claim(job, { ranges: [[0, 4]] })
	within('first claim', Number(first.receipt.gasUsed), 150000)
	const second = await w.claim(job, { ranges: [[10, 4]] })
	within('later claim', Number(second.receipt.gasUsed), 150000)
	const many = Array.from({ length: 100 }, (_, i) => [100 + 3 * i, 1])
	const receipts = w.receipts(job, second.by, [[100, 1]])
	const third = await w.claim(job, { ranges: many, receipts })
	within('each further range', Math.ceil(Number(third.receipt.gasUsed - second.receipt.gasUsed) / 99), 1500)

	const old = await w.job({ blocks: 9000, value: 0n })
	await w.election(old)
	await w.chain.mine(300)
	const late = await w.claim(old, { ranges: [[0, 4]] })
	within('first claim, seed from the EIP-2935 history', Number(late.receipt.gasUsed), 150000)
})

test('a batch of four in a claim of 1000', async () => {
	const job = await w.job()
	const claim = await w.claim(job, { ranges: [[0, 1000]] })
	const receipt = await w.verify(claim, [100, 300, 301, 900])
	const again = await w.verify(claim, [910, 911, 950, 999])
	within('verify, a segment of four (without the Verifier)', Number(receipt.gasUsed) / 4, 60000)
	within('verify, the second time', Number(again.gasUsed) / 4, 60000)
})

test('refuting an election', async () => {
	const job = await w.job()
	const { ranked } = await w.election(job)
	await w.claim(job, { by: ranked[1] })
	const refuted = await run(w.jobs.connect(w.finder).refuteElection(job.id, ranked[1].address, [ranked[0].address], `0x${'00'.repeat(32)}`))
	within('refutation', Number(refuted.gasUsed), 100000)
})
