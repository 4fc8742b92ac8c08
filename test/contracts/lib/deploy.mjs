// Follows eth/deploy.json: the whole system on a chain, step by step.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Contract, ContractFactory, Interface, id } from 'ethers'
import { root } from './anvil.mjs'

const artifact_dir = process.env.CONTRACTS || join(root, 'build/contracts')
const artifacts = new Map()

/* build/contracts/NAME.json, or what tests have there, with its Interface; null if it was not
 * compiled. */
export function artifact(name) {
	if (!artifacts.has(name)) {
		const path = [artifact_dir, join(artifact_dir, 'test')].map(d => join(d, `${name}.json`)).find(existsSync)
		if (!path) return null
		const a = JSON.parse(readFileSync(path))
		artifacts.set(name, { ...a, interface: new Interface(a.abi) })
	}
	return artifacts.get(name)
}

export function artifact_names() {
	return [artifact_dir, join(artifact_dir, 'test')].filter(existsSync).flatMap(d => readdirSync(d))
		.filter(f => f.endsWith('.json')).map(f => f.slice(0, -5))
}

export function plan() {
	return JSON.parse(readFileSync(join(root, 'eth/deploy.json')))
}

/* What a step needs is not there: the step is left out. */
class Missing extends Error {}

class Deployment {
	constructor(chain, deployer, profile, options) {
		this.chain = chain
		this.deployer = deployer
		this.plan = plan()
		this.profile = this.plan.profiles[profile]
		if (!this.profile) throw new Error(`${profile}: no such profile in eth/deploy.json`)
		this.options = { ...this.profile.options, ...options.options }
		this.values = { ...this.profile.values, ...options.options }
		this.overrides = options.parameters ?? {}
		this.only = options.only
		this.at = new Map()
		this.abi_of = new Map()
		this.targets = new Map()
		this.skipped = []
	}

	artifact(name) {
		const a = artifact(name)
		if (!a) throw new Missing(`${name} is not compiled`)
		return a
	}

	contract(name) {
		if (!this.at.has(name)) throw new Missing(`${name} is not deployed`)
		return new Contract(this.at.get(name), this.abi_of.get(name), this.deployer)
	}

	value(v) {
		if (Array.isArray(v)) return v.map(x => this.value(x))
		if (typeof v !== 'string') return v
		if (v === '@deployer') return this.deployer.address
		if (v[0] === '@') return this.contract(v.slice(1)).target
		if (v[0] === '#') return id(v.slice(1))
		if (v[0] !== '$') return v
		if (this.values[v.slice(1)] === undefined) throw new Error(`${v}: no such value`)
		return this.values[v.slice(1)]
	}

	// The value of one input of a constructor or of initialize; a struct's by its fields.
	input(contract, param) {
		if (param.baseType === 'tuple') return param.components.map(c => this.input(contract, c))
		const name = param.name.replace(/^_+|_+$/g, '')
		for (const table of [this.overrides[contract], this.profile[contract], this.plan.names])
			if (table?.[name] !== undefined) return this.value(table[name])
		throw new Error(`${contract}: eth/deploy.json has no value for ${param.name}`)
	}

	inputs(contract, fragment) {
		return (fragment?.inputs ?? []).map(p => this.input(contract, p))
	}

	async create(name, args) {
		const a = this.artifact(name)
		const tx = await new ContractFactory(a.interface, a.bytecode.object).getDeployTransaction(...args)
		const receipt = await (await this.deployer.sendTransaction(tx)).wait()
		return receipt.contractAddress
	}

	async deploy({ contract }) {
		const a = this.artifact(contract)
		this.at.set(contract, await this.create(contract, this.inputs(contract, a.interface.deploy)))
		this.abi_of.set(contract, a.interface)
	}

	async proxy({ contract }) {
		this.at.set(contract, await this.create('ManagerProxy', [this.value('@Vacant')]))
		this.abi_of.set(contract, this.artifact('Vacant').interface)
	}

	async implement({ contract }) {
		const a = this.artifact(contract)
		const initialize = a.interface.getFunction('initialize')
		const target = await this.create(contract, this.inputs(contract, a.interface.deploy))
		const data = initialize ? a.interface.encodeFunctionData(initialize, this.inputs(contract, initialize)) : '0x'
		await (await this.contract(contract).upgradeToAndCall(target, data)).wait()
		this.abi_of.set(contract, a.interface)
		this.targets.set(contract, target)
	}

	async register({ contracts }) {
		const there = contracts.filter(c => this.at.has(c))
		for (const name of there)
			await (await this.contract('Controller').setContractInfo(id(name), this.at.get(name), `0x${'00'.repeat(20)}`)).wait()
		if (there.length < contracts.length)
			throw new Missing(`${contracts.filter(c => !there.includes(c)).join(', ')} not deployed`)
	}

	async call({ contract, function: name, args }) {
		await (await this.contract(contract)[name](...args.map(a => this.value(a)))).wait()
	}

	wanted(step) {
		if (step.if && !this.options[step.if]) return false
		if (step.unless && this.options[step.unless]) return false
		return !this.only || !['deploy', 'implement'].includes(step.do) || this.only.includes(step.contract) ||
			['Controller', 'Vacant'].includes(step.contract)
	}

	async run() {
		for (const step of this.plan.steps.filter(s => this.wanted(s))) {
			try {
				await this[step.do](step)
			} catch (e) {
				const what = `${step.do} ${step.contract ?? ''}${step.function ? `.${step.function}` : ''}`
				if (!(e instanceof Missing)) throw new Error(`eth/deploy.json: ${what}: ${e.message}`, { cause: e })
				this.skipped.push(`${what}: ${e.message}`)
			}
		}
	}
}

/* Deploys by eth/deploy.json.  Returns { NAME: Contract (of the deployer), at: { NAME: address },
 * targets: { NAME: implementation }, skipped: [what was left out, and why] }.
 *   profile     'devnet' unless said
 *   options     those of the plan: genesis, faucet, handover; and $values
 *   parameters  { NAME: { parameter: value } } before the profile's
 *   only        names: other contracts are not deployed (proxies are, on Vacant) */
export async function deploy(chain, { deployer = chain.account('deployer'), profile = 'devnet', ...rest } = {}) {
	const d = new Deployment(chain, deployer, profile, rest)
	await chain.fund(deployer.address, 10n ** 22n)
	await d.run()
	const contracts = Object.fromEntries([...d.at.keys()].map(name => [name, d.contract(name)]))
	return { ...contracts, at: Object.fromEntries(d.at), targets: Object.fromEntries(d.targets), skipped: d.skipped, deployer }
}
