// lpnode as a process: started on ports of the kernel's choice, asked over HTTP,
// ended by SIGTERM, and checked for sanitizer reports when it has ended.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { program, sleep, slow, start, until } from './harness.mjs';

export const LADDER = [
	{ name: 'low', width: 256, height: 144, bitrate: 200000 },
	{ name: 'mid', width: 320, height: 180, bitrate: 300000 },
];

const SAN_ENV = {
	ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1',
	UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
	TSAN_OPTIONS: 'halt_on_error=1',
};
const REPORT = /ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer|Assertion .* failed/;
const ROLES = {
	all: ['-broadcaster', '-orchestrator', '-transcoder'],
	broadcaster: ['-broadcaster'],
	orchestrator: ['-orchestrator', '-transcoder'],
	dispatcher: ['-orchestrator'],	// an orchestrator that has its work done elsewhere
	dispatching: ['-broadcaster', '-orchestrator'],	// the same in one with its broadcaster
	transcoder: ['-transcoder'],	// one that works for an orchestrator elsewhere
};
const INGESTS = ['all', 'broadcaster', 'dispatching'];
const LISTENS = ['all', 'orchestrator', 'dispatcher', 'dispatching'];
const WORKS = ['all', 'orchestrator', 'transcoder'];
const CAPACITY = '200000000';	// encoded pixels a second that a transcoder offers
let nodeCount = 0;

export class Node {
	/*
	 * opts: roles ('all', 'broadcaster', 'orchestrator', 'dispatcher', 'dispatching', 'transcoder'),
	 * ladder (profiles, the text of -transcodingOptions, or null for the default), args,
	 * env, datadir, wrap (a command before the program, such as ip netns exec).  The test
	 * ends it.
	 */
	static async start(t, opts = {}) {
		const n = new Node(t, opts);

		t.after(() => n.#end());
		t.diagnoses.push(() => `log of node ${n.number} (${opts.roles || 'all'}):\n${n.logTail(40)}`);
		await n.launch();
		return n;
	}

	constructor(t, opts) {
		this.t = t;
		this.number = ++nodeCount;
		this.opts = opts;
		this.dir = opts.datadir || path.join(t.dir(), `node${this.number}`);
		fs.mkdirSync(this.dir, { recursive: true });
		this.logFile = path.join(t.dir(), `node${this.number}.log`);
	}

	#ladderOption(ladder) {
		if (typeof ladder === 'string')
			return ladder;
		const file = path.join(this.t.dir(), `ladder${this.number}.json`);

		fs.writeFileSync(file, JSON.stringify(ladder));
		return file;
	}

	#args() {
		const { roles = 'all', ladder = LADDER, args = [] } = this.opts;
		const a = [...ROLES[roles], '-datadir', this.dir, '-cliAddr', '127.0.0.1:0'];

		if (INGESTS.includes(roles)) {
			a.push('-rtmpAddr', '127.0.0.1:0', '-httpAddr', '127.0.0.1:0');
			if (ladder)
				a.push('-transcodingOptions', this.#ladderOption(ladder));
		}
		if (LISTENS.includes(roles))
			a.push('-listenAddr', '127.0.0.1:0');
		// Measuring costs seconds, and on a busy machine finds anything.
		if (WORKS.includes(roles) && !args.includes('-capacity'))
			a.push('-capacity', CAPACITY);
		if (!args.includes('-preset'))
			a.push('-preset', 'ultrafast');
		return [...a, ...args];
	}

	async launch() {
		const ready = path.join(this.dir, 'addresses.json');

		fs.rmSync(ready, { force: true });
		const fd = fs.openSync(this.logFile, 'a');

		const [file, ...before] = [...(this.opts.wrap || []), program];

		this.child = start(file, [...before, ...this.#args()], {
			stdio: ['ignore', fd, fd], env: { ...process.env, ...SAN_ENV, ...this.opts.env },
		});
		fs.closeSync(fd);
		await until('lpnode is ready', () => this.child.end || fs.existsSync(ready), 15000 * slow, 20);
		if (this.child.end)
			throw new Error(`lpnode ended at start with ${this.child.end.code}:\n${this.logTail(10)}`);
		this.addr = JSON.parse(fs.readFileSync(ready, 'utf8'));
		// The zygote warms up beside the running node; a test's clock starts after.
		if (WORKS.includes(this.opts.roles || 'all'))
			await until('the workers are there', () => this.child.end || this.descendants().length > 1,
				15000 * slow, 30);
	}

	get pid() { return this.child.pid; }
	log() { return fs.readFileSync(this.logFile, 'utf8'); }
	logTail(n) { return this.log().trimEnd().split('\n').slice(-n).join('\n'); }

	url(p) { return `http://${this.addr.http}${p}`; }
	cli(p) { return `http://${this.addr.cli}${p}`; }
	rtmp(name) { return `rtmp://${this.addr.rtmp}/live/${name}`; }

	async status() {
		const res = await fetch(this.cli('/status'));

		assert.equal(res.status, 200);
		return res.json();
	}

	/* A metric's number, without its "livepeer_". */
	async metric(name) {
		const text = await (await fetch(this.cli('/metrics'))).text();
		const m = new RegExp(`^livepeer_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text);

		assert.ok(m, `no metric ${name}`);
		return Number(m[1]);
	}

	/* Lines of the log that match. */
	lines(pattern) { return this.log().split('\n').filter((l) => pattern.test(l)); }

	async stream(name) {
		return (await this.status()).streams.find((s) => s.name === name);
	}

	/* SIGTERM; {code, signal, ms}. */
	async stop() {
		const t0 = Date.now();

		this.child.kill('SIGTERM');
		await Promise.race([this.child.over, sleep(12000 * slow)]);
		if (!this.child.end) {
			this.child.kill('SIGKILL');
			await this.child.over;
			throw new Error('lpnode did not end within 12 s of SIGTERM');
		}
		return { ...this.child.end, ms: Date.now() - t0 };
	}

	async kill9() {
		this.killed = true;
		this.child.kill('SIGKILL');
		await this.child.over;
	}

	checkLog() {
		const bad = this.log().split('\n').findIndex((l) => REPORT.test(l));

		if (bad >= 0)
			throw new Error(`node ${this.number} reported:\n` +
				this.log().split('\n').slice(bad, bad + 40).join('\n'));
	}

	async #end() {
		if (!this.child)
			return;
		if (!this.child.end) {
			const end = await this.stop();

			this.checkLog();
			assert.equal(end.code, 0, `exit code after SIGTERM (signal ${end.signal})`);
			return;
		}
		this.checkLog();
		if (!this.killed && !this.mayFail)
			assert.equal(this.child.end.code, 0, `lpnode ended by ${this.child.end.signal}`);
	}

	/* Pids of all descendants: the zygote and its workers. */
	descendants() { return descendants(this.pid); }
}

export function children(pid) {
	try {
		return fs.readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
			fs.readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').trim()
				.split(' ').filter(Boolean).map(Number));
	} catch (e) {
		return [];	// it has just ended
	}
}

export function descendants(pid) {
	return children(pid).flatMap((c) => [c, ...descendants(c)]);
}

export function isAlive(pid) {
	try {
		return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
	} catch (e) {
		return false;
	}
}

/* User and system CPU of a process so far, in ms. */
export function cpuMs(pid) {
	const f = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');

	return (Number(f[11]) + Number(f[12])) * 10;
}
