// A tiny TAP harness.  test(name, fn) registers; the tests of a file run one after
// the other (or a few at once: most of them wait for media time to pass), each with a
// deadline; what a test started is ended with it.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export { sleep };
export const program = process.env.LPNODE || 'build/lpnode';
export const sanitized = /\/san-/.test(program);
export const long = Boolean(process.env.TEST_LONG);
/* Sanitized programs are slower by this factor: waits are stretched by it. */
export const slow = sanitized ? 3 : 1;

/* A seed that is in the log: a failure with it can be had again by SEED=N. */
export const seed = Number(process.env.SEED || Math.floor(Math.random() * 1e9));
let state = seed >>> 0;
export function random() {	// mulberry32
	state = (state + 0x6d2b79f5) | 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);

	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const out = (s) => process.stdout.write(`${s}\n`);
export const note = (s) => out(String(s).replace(/^/gm, '# '));

class Skip extends Error {}
const tests = [];
let atOnce = 1;

/* The tests of this file do not disturb each other: run n at once. */
export function parallel(n) { atOnce = n; }

/* opts.limitS: its deadline in seconds, 90 if not said. */
export function test(name, fn, opts = {}) {
	if (tests.length === 0)
		setImmediate(runAll);
	tests.push({ name, fn, limitS: opts.limitS || 90 });
}

/* What a test gets: t.after(), t.dir(), t.spawn(), t.skip(). */
class Test {
	#cleanups = [];
	diagnoses = [];		// functions giving text, shown when the test fails

	after(fn) { this.#cleanups.push(fn); }

	dir() {
		if (!this.tmp) {
			this.tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'lpnode-test-'));
			this.after(() => fs.rmSync(this.tmp, { recursive: true, force: true }));
		}
		return this.tmp;
	}

	skip(why) { throw new Skip(why); }

	/* A child that is killed at the end of the test.  child.over: its end. */
	spawn(file, args, opts = {}) {
		const child = start(file, args, opts);

		this.after(async () => {
			if (!child.end)
				child.kill('SIGKILL');
			await child.over;
		});
		return child;
	}

	/* Before cleaning up takes the logs away. */
	diagnose() {
		this.texts ??= this.diagnoses.map((d) => {
			try {
				return d();
			} catch (e) {
				return `(no diagnosis: ${e.message})`;
			}
		});
	}

	async cleanUp() {
		const errors = [];

		for (const fn of this.#cleanups.reverse()) {
			try {
				await fn();
			} catch (e) {
				errors.push(e);
				this.diagnose();
			}
		}
		return errors;
	}
}

/* Start a process.  child.over resolves to {code, signal, stdout, stderr}. */
export function start(file, args, opts = {}) {
	const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], ...opts });
	const take = (stream) => {
		const got = [];

		if (stream)
			stream.on('data', (d) => got.push(d));
		return () => Buffer.concat(got);
	};
	const stdout = take(child.stdout), stderr = take(child.stderr);

	if (child.stdin) {
		child.stdin.on('error', () => {});
		child.stdin.end(opts.input);
	}
	child.text = () => stdout().toString() + stderr().toString();
	child.over = new Promise((resolve) => {
		child.on('error', (e) => resolve({ code: 127, signal: null, stdout: '', stderr: e.message }));
		child.on('close', (code, signal) => resolve({ code, signal, raw: stdout(),
			stdout: stdout().toString(), stderr: stderr().toString() }));
	});
	child.over.then((end) => { child.end = end; });
	return child;
}

/* Run to its end; throws on a code other than 0 unless anyCode. */
export async function run(file, args, { anyCode = false, limitS = 60, ...opts } = {}) {
	const child = start(file, args, opts);
	const timer = setTimeout(() => child.kill('SIGKILL'), limitS * 1000);
	const end = await child.over;

	clearTimeout(timer);
	if (end.code !== 0 && !anyCode)
		throw new Error(`${file} ${args.join(' ')}\nended with ${end.signal || end.code}: ` +
			end.stderr.slice(-2000));
	return end;
}

/* Wait until fn gives something true; its last error or value is in the message. */
export async function until(what, fn, limitMs = 10000, everyMs = 50) {
	const end = Date.now() + limitMs;
	let last;

	for (;;) {
		try {
			last = await fn();
			if (last)
				return last;
		} catch (e) {
			last = e.message;
		}
		if (Date.now() > end)
			throw new Error(`not within ${limitMs} ms: ${what} (last: ${JSON.stringify(last)})`);
		await sleep(everyMs);
	}
}

async function runOne(c, n) {
	const t = new Test();
	let failure = null, skipped = null, timer;
	const deadline = new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(new Error(`no end within ${c.limitS * slow} s`)),
			c.limitS * slow * 1000);
	});
	const t0 = Date.now();

	try {
		await Promise.race([c.fn(t), deadline]);
	} catch (e) {
		if (e instanceof Skip)
			skipped = e.message;
		else
			failure = e;
	}
	clearTimeout(timer);
	if (failure)
		t.diagnose();
	for (const e of await t.cleanUp())
		failure = failure || e;
	if (skipped !== null && !failure) {
		out(`ok ${n} - ${c.name} # SKIP ${skipped}`);
		return true;
	}
	out(`${failure ? 'not ok' : 'ok'} ${n} - ${c.name}${failure ? '' : ` # ${Date.now() - t0} ms`}`);
	if (failure) {
		note(failure.stack || failure);
		t.texts.forEach(note);
	}
	return !failure;
}

async function runAll() {
	const only = process.env.ONLY && new RegExp(process.env.ONLY);
	const chosen = tests.filter((c) => !only || only.test(c.name));
	let good = true;

	note(`seed ${seed}`);
	const n = Number(process.env.AT_ONCE || atOnce);
	let next = 0;

	await Promise.all(Array.from({ length: n }, async () => {
		while (next < chosen.length) {
			const i = next++;

			good = await runOne(chosen[i], i + 1) && good;
		}
	}));
	out(`1..${chosen.length}`);
	process.exit(good ? 0 : 1);
}

process.on('unhandledRejection', (e) => note(`unhandled: ${e && e.stack || e}`));
