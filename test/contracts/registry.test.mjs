// The ServiceRegistry: who is reached where.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { expect_event, expect_revert, run, start } from './lib/kit.mjs'

let kit, registry, alice, bob
before(async () => {
	kit = await start({ accounts: 2, only: ['ServiceRegistry'] })
	registry = kit.sys.ServiceRegistry
	;[alice, bob] = kit.accounts
})
after(() => kit.stop())
beforeEach(() => kit.reset())

test('each says for itself where it is reached, and may say otherwise', async () => {
	const receipt = await run(registry.connect(alice).setServiceURI('https://a.example:8935'))

	expect_event(receipt, registry, 'ServiceURIUpdate', [alice, 'https://a.example:8935'])
	assert.equal(await registry.getServiceURI(alice.address), 'https://a.example:8935')
	assert.equal(await registry.getServiceURI(bob.address), '')
	await run(registry.connect(alice).setServiceURI(''))
	assert.equal(await registry.getServiceURI(alice.address), '')
})

test('256 bytes fit, 257 do not', async () => {
	await run(registry.connect(alice).setServiceURI('x'.repeat(256)))
	await expect_revert(registry.connect(alice).setServiceURI('x'.repeat(257)), registry, 'ServiceURITooLong', [257n, 256n])
	assert.equal((await registry.getServiceURI(alice.address)).length, 256)
})

test('not while paused', async () => {
	await run(kit.sys.Controller.pause())
	await expect_revert(registry.connect(alice).setServiceURI('x'), registry, 'ManagerPaused', [])
	await run(kit.sys.Controller.unpause())
	await run(registry.connect(alice).setServiceURI('x'))
})
