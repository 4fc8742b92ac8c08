// Random sequences of calls and fuzzed pure functions, by forge, in Solidity: test/contracts/forge.
// SEED=N repeats a run, TEST_LONG=1 runs long.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, seed } from './lib/kit.mjs'

const forge = join(root, 'node_modules/@foundry-rs/forge-linux-amd64/bin/forge')
const dir = join(root, 'test/contracts/forge')
const long = process.env.TEST_LONG
	? { FOUNDRY_INVARIANT_RUNS: '256', FOUNDRY_INVARIANT_DEPTH: '300', FOUNDRY_FUZZ_RUNS: '20000' }
	: {}
const TIMEOUT_MS = process.env.TEST_LONG ? 3600000 : 280000

/* { code, out }: what it says with --json is one line, an object by file and contract. */
function run_forge() {
	mkdirSync(join(root, 'build/forge'), { recursive: true })
	const args = ['test', '--root', dir, '--use', join(dir, 'solc.cjs'), '--offline', '--json',
		'--fuzz-seed', `0x${seed.toString(16)}`]
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', forge, ...args],
		{ env: { ...process.env, ...long, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
	const parts = []
	const errors = []
	child.stdout.on('data', d => parts.push(d))
	child.stderr.on('data', d => errors.push(d))
	return new Promise((done, fail) => {
		child.on('error', fail)
		child.on('close', code => done({ code, out: Buffer.concat(parts).toString(), errors: Buffer.concat(errors).toString() }))
	})
}

function results_of(out) {
	const line = out.split('\n').find(l => l.startsWith('{') && l.includes('test_results'))
	return line ? Object.values(JSON.parse(line)).flatMap(s => Object.entries(s.test_results)) : []
}

test('forge', async t => {
	console.log(`# SEED=${seed}`)
	const { code, out, errors } = await run_forge()
	const results = results_of(out)
	assert.ok(results.length, `forge ended with ${code}\n${out}\n${errors}`)
	for (const [name, r] of results) {
		await t.test(name, () => assert.equal(r.status, 'Success', `${r.reason ?? ''}\n${JSON.stringify(r.counterexample, null, 1)}`))
	}
	assert.equal(code, 0)
	assert.ok(results.length >= 9, 'all tests ran')
})
