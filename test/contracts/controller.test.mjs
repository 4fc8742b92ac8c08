// The Controller: registry, pause, an owner that cannot be got rid of; what stands behind a
// ManagerProxy obeys it and nobody else.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { ZeroAddress, id, zeroPadBytes } from 'ethers'
import { create, expect_event, expect_revert, run, start } from './lib/kit.mjs'

let kit, controller, registry, alice
before(async () => {
	kit = await start({ accounts: 2, only: ['ServiceRegistry'] })
	controller = kit.sys.Controller
	registry = kit.sys.ServiceRegistry
	alice = kit.accounts[0]
})
after(() => kit.stop())
beforeEach(() => kit.reset())

const commit = zeroPadBytes('0x1234', 20)
const IMPLEMENTATION = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'
const implementation_of = async c => `0x${(await kit.chain.provider.getStorage(c.target, IMPLEMENTATION)).slice(26)}`

test('the registry tells address and commit of what was entered', async () => {
	const name = id('Something')
	const receipt = await run(controller.setContractInfo(name, registry.target, commit))

	expect_event(receipt, controller, 'SetContractInfo', [name, registry, commit])
	assert.equal(await controller.getContract(name), registry.target)
	assert.deepEqual([...await controller.getContractInfo(name)], [registry.target, commit])
	await run(controller.setContractInfo(name, controller.target, commit))
	assert.equal(await controller.getContract(name), controller.target)
	assert.equal(await controller.getContract(id('Nothing')), ZeroAddress)
})

test('an address without code is not registered', async () => {
	await expect_revert(controller.setContractInfo(id('X'), alice.address, commit), controller,
		'ContractHasNoCode', [id('X'), alice])
})

test('only the owner registers, pauses, unpauses and gives the ownership on', async () => {
	const c = controller.connect(alice)

	for (const call of [() => c.setContractInfo(id('X'), registry.target, commit), c.pause, c.unpause,
		() => c.transferOwnership(alice.address), c.renounceOwnership])
		await expect_revert(call, controller, 'OwnableUnauthorizedAccount', [alice])
})

test('pause and unpause, each once', async () => {
	assert.equal(await controller.paused(), false)
	expect_event(await run(controller.pause()), controller, 'Paused', [kit.deployer])
	assert.equal(await controller.paused(), true)
	await expect_revert(controller.pause(), controller, 'EnforcedPause', [])
	expect_event(await run(controller.unpause()), controller, 'Unpaused', [kit.deployer])
	assert.equal(await controller.paused(), false)
	await expect_revert(controller.unpause(), controller, 'ExpectedPause', [])
})

test('the ownership is given on, never up', async () => {
	await expect_revert(controller.renounceOwnership(), controller, 'OwnershipNotRenounceable', [])
	await expect_revert(controller.transferOwnership(ZeroAddress), controller, 'OwnableInvalidOwner', [ZeroAddress])
	await run(controller.transferOwnership(alice.address))
	assert.equal(await controller.owner(), alice.address)
	await expect_revert(controller.pause(), controller, 'OwnableUnauthorizedAccount', [kit.deployer])
	await run(controller.connect(alice).pause())
})

test('a manager is upgraded by the owner of the Controller only', async () => {
	const next = await create(kit, 'ServiceRegistry', [controller.target])
	const r = registry.connect(alice)

	await expect_revert(r.upgradeToAndCall(next.target, '0x'), registry, 'OnlyControllerOwner', [alice])
	await run(registry.connect(alice).setServiceURI('kept'))
	await run(registry.upgradeToAndCall(next.target, '0x'))
	assert.equal(await implementation_of(registry), next.target.toLowerCase())
	assert.equal(await registry.getServiceURI(alice.address), 'kept', 'state is the proxy\'s')
	await run(controller.transferOwnership(alice.address))
	await expect_revert(registry.upgradeToAndCall(next.target, '0x'), registry, 'OnlyControllerOwner', [kit.deployer])
	await run(registry.connect(alice).upgradeToAndCall(next.target, '0x'))
})

test('what is no UUPS implementation cannot come behind a proxy', async () => {
	await expect_revert(registry.upgradeToAndCall(controller.target, '0x'), registry,
		'ERC1967InvalidImplementation', [controller])
})

test('an implementation itself can be neither initialised nor upgraded', async () => {
	const minter = await create(kit, 'Minter', [controller.target, controller.target, controller.target, controller.target])

	await expect_revert(minter.initialize(1, 1, 1, 1), minter, 'InvalidInitialization', [])
	await expect_revert(minter.upgradeToAndCall(minter.target, '0x'), minter, 'UUPSUnauthorizedCallContext', [])
})

test('a proxy on Vacant does nothing but wait for the owner', async () => {
	const vacant = kit.sys.JobsManager
	const next = await create(kit, 'ServiceRegistry', [controller.target])

	assert.equal(await vacant.controller(), controller.target)
	await expect_revert(vacant.connect(alice).upgradeToAndCall(next.target, '0x'), vacant, 'OnlyControllerOwner', [alice])
	await expect_revert(alice.sendTransaction({ to: vacant.target, data: id('job()').slice(0, 10) }), null, '')
	await run(vacant.upgradeToAndCall(next.target, '0x'))
	await run(registry.attach(vacant.target).connect(alice).setServiceURI('there'))
})
