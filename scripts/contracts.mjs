#!/usr/bin/env node
// Compiles eth/contracts with npm's solc into build/contracts/NAME.json: abi, bytecode,
// deployedBytecode, and a hash of all that went in, by which an unchanged contract is left
// alone.  Contracts are compiled in parallel, in one standard-json run with those of ours that
// they import (a manager with its second half).  What only tests deploy (test/contracts/sol)
// goes to build/contracts/test.
// A contract that has an interface INAME shows all of that, though a part of it be elsewhere
// (JobsManager, Verifier).
//   contracts.mjs [--out DIR] [--own | NAME ...]      --own: none of the tests'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const source_dir = 'eth/contracts'
const test_source_dir = 'test/contracts/sol'
const settings = {
	optimizer: { enabled: true, runs: 200 },
	viaIR: true,
	evmVersion: 'cancun',
	metadata: { bytecodeHash: 'none' },
}
const outputs = ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object']

// Where an import lies on disk; null if it is none of ours and none of OpenZeppelin's.
function path_of(name) {
	if (name.startsWith('@openzeppelin/')) return join(root, 'node_modules', name)
	return [source_dir, test_source_dir].some(d => name.startsWith(`${d}/`)) ? join(root, name) : null
}

// All sources that `name` needs, itself included: { name: { content } }.
function gather(name, sources = {}) {
	if (sources[name]) return sources
	const path = path_of(name)
	if (!path || !existsSync(path)) throw new Error(`${name}: no such source`)
	const content = readFileSync(path, 'utf8')
	sources[name] = { content }
	for (const m of content.matchAll(/^\s*import\s[^;]*?["']([^"']+)["']/gm)) {
		const to = m[1].startsWith('.') ? join(dirname(name), m[1]) : m[1]
		gather(to, sources)
	}
	return sources
}

// The ABI of a contract and of its interfaces, once each.
function whole_abi(output, { name }, abi) {
	const interfaces = [`I${name}`, `I${name}Seats`]
	const inherited = interfaces.flatMap(i => output.contracts[`eth/contracts/interfaces/${i}.sol`]?.[i]?.abi ?? [])
	const types = list => list.map(i => i.components ? [i.type, types(i.components)] : i.type)
	const key = f => JSON.stringify([f.type, f.name, types(f.inputs ?? [])])
	const own = new Set(abi.map(key))
	return [...abi, ...inherited.filter(f => !own.has(key(f)))]
}

// What one of the run's contracts gave; its artifact is null if it is not there.
function result_of(output, unit) {
	const contract = output.contracts?.[unit.source]?.[unit.name]
	return {
		...unit,
		artifact: contract ? {
			contractName: unit.name,
			input: unit.hash,
			abi: whole_abi(output, unit, contract.abi),
			bytecode: { object: `0x${contract.evm.bytecode.object}` },
			deployedBytecode: { object: `0x${contract.evm.deployedBytecode.object}` },
		} : null,
	}
}

// task: units of which the first imports the others.
function compile_one(solc, task) {
	const outputSelection = { '*': { '*': ['abi'] } }
	for (const u of task) outputSelection[u.source] = { [u.name]: outputs }
	const input = { language: 'Solidity', sources: gather(task[0].source), settings: { ...settings, outputSelection } }
	const output = JSON.parse(solc.compile(JSON.stringify(input)))
	const messages = (output.errors ?? [])
		.filter(e => e.severity === 'error' || !e.sourceLocation?.file.startsWith('@openzeppelin/'))
	return {
		log: messages.map(e => e.formattedMessage).join('\n'),
		failed: messages.some(e => e.severity === 'error'),
		results: task.map(u => result_of(output, u)),
	}
}

function run_worker() {
	const solc = createRequire(import.meta.url)('solc')
	parentPort.on('message', task => {
		try {
			parentPort.postMessage(compile_one(solc, task))
		} catch (e) {
			parentPort.postMessage({ log: `${task[0].name}: ${e.message}`, failed: true, results: [] })
		}
	})
	parentPort.postMessage(null)
}

// The hash of everything that a contract is made from, the compiler and its settings too.
function input_hash(source) {
	const solc_version = JSON.parse(readFileSync(join(root, 'node_modules/solc/package.json'))).version
	const h = createHash('sha256').update(JSON.stringify({ solc_version, settings }))
	for (const [name, { content }] of Object.entries(gather(source)).sort()) h.update(name).update('\0').update(content)
	return h.digest('hex')
}

// EIP-170: what is larger cannot be deployed anywhere but on a devnet that looks away.
const SIZE_MAX = 24576
const size_of = artifact => (artifact.deployedBytecode.object.length - 2) / 2

function is_fresh(unit) {
	const path = join(unit.out, `${unit.name}.json`)
	if (!existsSync(path)) return false
	const artifact = JSON.parse(readFileSync(path))
	return artifact.input === unit.hash && size_of(artifact) <= SIZE_MAX
}

function write_artifact({ name, source, out, artifact }) {
	if (!artifact) {
		console.error(`${source} has no contract ${name}`)
		return false
	}
	const size = size_of(artifact)
	const path = join(out, `${artifact.contractName}.json`)
	writeFileSync(`${path}.tmp`, JSON.stringify(artifact))
	renameSync(`${path}.tmp`, path)
	console.log(`${artifact.contractName}: ${size} bytes`)
	if (size > SIZE_MAX) {
		console.error(`${artifact.contractName}: ${size} bytes of code, the chain takes ${SIZE_MAX}`)
		return false
	}
	return true
}

async function compile_all(tasks) {
	let ok = true
	await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, () =>
		new Promise((done, fail) => {
			const worker = new Worker(fileURLToPath(import.meta.url))
			worker.on('error', fail)
			worker.on('message', answer => {
				if (answer) {
					if (answer.log) console.error(answer.log)
					if (answer.failed) ok = false
					else ok = answer.results.map(write_artifact).every(Boolean) && ok
				}
				const task = tasks.shift()
				if (task) worker.postMessage(task)
				else worker.terminate().then(done)
			})
		})))
	return ok
}

// Our sources whose file is named for the contract in it: interfaces and libraries come along.
function all_names(dirs) {
	return dirs.flatMap(d => readdirSync(join(root, d)))
		.filter(f => f.endsWith('.sol')).map(f => f.slice(0, -4))
}

function unit_of(name, out) {
	const for_tests = existsSync(join(root, test_source_dir, `${name}.sol`))
	const source = `${for_tests ? test_source_dir : source_dir}/${name}.sol`
	return { name, source, out: for_tests ? join(out, 'test') : out, hash: input_hash(source), needs: Object.keys(gather(source)) }
}

// Lists of units that are compiled in one run: one that no other imports, then what it imports
// and no list before it has.  Tests' contracts take none of the others along.
function tasks_of(units) {
	const imports = (a, b) => a !== b && a.out === b.out && a.needs.includes(b.source)
	const taken = new Set()
	return units.filter(b => !units.some(a => imports(a, b)))
		.sort((a, b) => b.needs.length - a.needs.length)
		.map(a => [a, ...units.filter(b => imports(a, b) && !taken.has(b) && taken.add(b))])
}

async function main(args) {
	let out = join(root, 'build/contracts')
	if (args[0] === '--out') out = resolve(args.splice(0, 2)[1])
	mkdirSync(join(out, 'test'), { recursive: true })
	const own = args[0] === '--own' && args.shift()
	const dirs = own ? [source_dir] : [source_dir, test_source_dir]
	const units = (args.length ? args : all_names(dirs)).map(name => unit_of(name, out))
	return await compile_all(tasks_of(units.filter(u => !is_fresh(u))))
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2)) ? 0 : 1
else run_worker()
