// Nodes for benches: an orchestrator with its transcoders and a broadcaster, each a
// process of its own on ports of the kernel's choice; what they cost.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run, sleep, start, until } from '../../system/lib/harness.mjs';
import { children, cpuMs, descendants, isAlive } from '../../system/lib/node.mjs';

export const program = process.env.LPNODE || 'build/lpnode';
const procs = new Set();
let dir = null;
let nMade = 0;

/* Whatever ends us ends what we started. */
function tmp() {
	if (dir)
		return dir;
	dir = fs.mkdtempSync(path.join(os.tmpdir(), 'lpnode-bench-'));
	process.on('exit', () => {
		for (const p of procs)
			if (!p.end && p.pid > 1)
				p.kill('SIGKILL');
		fs.rmSync(dir, { recursive: true, force: true });
	});
	for (const sig of ['SIGINT', 'SIGTERM'])
		process.on(sig, () => process.exit(130));
	return dir;
}

/* A child that ends with us. */
export function spawn(file, args, opts) {
	tmp();
	const p = start(file, args, opts);

	procs.add(p);
	p.over.then(() => procs.delete(p));
	return p;
}

export class Proc {
	constructor(name, args) {
		this.name = name;
		this.dir = path.join(tmp(), `${name}-${nMade++}`);
		this.logFile = `${this.dir}.log`;
		this.args = [...args, '-datadir', this.dir, '-cliAddr', '127.0.0.1:0'];
	}

	static async start(name, args) {
		const p = new Proc(name, args);

		await p.launch();
		return p;
	}

	/* Also again after its end: same key, same folder; ports are new. */
	async launch() {
		const ready = path.join(this.dir, 'addresses.json');
		const fd = fs.openSync(this.logFile, 'a');

		fs.rmSync(ready, { force: true });
		this.child = spawn(program, this.args, { stdio: ['ignore', fd, fd] });
		fs.closeSync(fd);
		await until(`${this.name} is ready`, () => this.child.end || fs.existsSync(ready), 30000, 20);
		if (this.child.end)
			throw new Error(`${this.name} ended at start:\n${this.log().slice(-1000)}`);
		this.addr = JSON.parse(fs.readFileSync(ready, 'utf8'));
	}

	get pid() { return this.child.pid; }
	get alive() { return !this.child.end; }
	log() { return fs.readFileSync(this.logFile, 'utf8'); }

	async status() {
		return (await fetch(`http://${this.addr.cli}/status`)).json();
	}

	async stop() {
		this.child.kill('SIGTERM');
		await Promise.race([this.child.over, sleep(12000)]);
		await this.kill();
	}

	async kill() {
		if (this.alive)
			this.child.kill('SIGKILL');
		await this.child.over;
	}

	/* CPU so far in ms: its own process, and all that works below it. */
	cpu() {
		const below = descendants(this.pid);
		const reaped = below.concat(this.pid).reduce((sum, pid) => sum + reapedMs(pid), 0);

		return { own: cpuMs(this.pid), work: below.reduce((sum, pid) => sum + safe(() => cpuMs(pid)), 0) + reaped };
	}
}

function safe(fn) {
	try {
		return fn();
	} catch (e) {
		return 0;	// it has just ended
	}
}

/* CPU of the children that a process has waited for. */
function reapedMs(pid) {
	return safe(() => {
		const f = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');

		return (Number(f[13]) + Number(f[14])) * 10;
	});
}

/* {rssKb, anonKb, shmemKb, fileKb, fds, threads} of a process, the three in the middle
 * being the parts of the first; null when it is gone. */
export function sizeOf(pid) {
	return safe(() => {
		const s = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
		const n = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(s)[1]);

		return { rssKb: n('VmRSS'), anonKb: n('RssAnon'), shmemKb: n('RssShmem'), fileKb: n('RssFile'), threads: n('Threads'),
			fds: fs.readdirSync(`/proc/${pid}/fd`).length };
	}) || null;
}

/* Its worker zygote's pid, 0 if there is none. */
export function zygoteOf(pid) {
	return children(pid).find((c) => safe(() =>
		fs.readFileSync(`/proc/${c}/cmdline`, 'utf8').includes('--worker-zygote'))) || 0;
}

export const LADDER = [
	{ name: '240p', width: 426, height: 240, bitrate: 250000 },
	{ name: '144p', width: 256, height: 144, bitrate: 120000 },
];

/*
 * An orchestrator, transcoders and a broadcaster.  o.kind:
 *   remote         the orchestrator only dispatches, o.transcoders processes work (2)
 *   local          one process is orchestrator and transcoder
 *   orchestrators  o.transcoders orchestrators with workers of their own
 * f.workers: the processes that do the work; after one's launch() f.isWhole() tells
 * whether it is counted on again.
 */
export async function startFarm(o = {}) {
	const { kind = 'remote', transcoders = 2, ladder = LADDER, preset = 'ultrafast', args = [] } = o;
	const f = { kind, workers: [], orchestrators: [] };
	const secret = path.join(tmp(), 'secret'), list = path.join(tmp(), 'ladder.json');
	const own = ['-orchestrator', '-transcoder', '-listenAddr', '127.0.0.1:0', ...args];

	fs.writeFileSync(secret, 'a secret of benches only\n', { mode: 0o600 });
	fs.writeFileSync(list, JSON.stringify(ladder));
	if (kind === 'remote') {
		const orch = await Proc.start('orchestrator', ['-orchestrator', '-orchSecret', secret, '-listenAddr', '127.0.0.1:0', ...args]);

		f.orchestrators.push(orch);
		for (let i = 0; i < transcoders; i++)
			f.workers.push(await Proc.start(`transcoder${i}`, ['-transcoder', '-orchAddr', orch.addr.peer, '-orchSecret', secret]));
		f.isWhole = async () => ((await orch.status()).transcoders || []).length >= transcoders;
		await until('transcoders have joined', f.isWhole, 60000);
	} else {
		for (let i = 0; i < (kind === 'local' ? 1 : transcoders); i++)
			f.workers.push(await Proc.start(`orchestrator${i}`, own));
		f.orchestrators = f.workers;
		f.isWhole = async () => (await f.broadcaster.status()).orchestrators.every((x) => x.state === 'ready');
	}
	// One that comes back must be found where it was.
	for (const p of f.orchestrators) {
		const i = p.args.indexOf('-listenAddr');

		p.args[i + 1] = p.addr.peer;
	}
	f.broadcaster = await Proc.start('broadcaster', ['-broadcaster', '-rtmpAddr', '127.0.0.1:0', '-httpAddr', '127.0.0.1:0',
		'-orchAddr', f.orchestrators.map((p) => p.addr.peer).join(','), '-transcodingOptions', list, '-preset', preset]);
	f.all = [...new Set([...f.orchestrators, ...f.workers, f.broadcaster])];
	f.renditions = ladder.length;
	await until('the broadcaster has its orchestrators', async () =>
		(await f.broadcaster.status()).orchestrators.every((x) => x.state === 'ready'), 30000);
	f.stop = async () => { await Promise.all([...f.all].reverse().map((p) => p.stop())); };
	return f;
}

let clip = null;

async function makeClip(file) {
	fs.mkdirSync('build/bench', { recursive: true });
	await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=30,noise=alls=6:allf=t',
		'-f', 'lavfi', '-i', 'sine', '-t', '20', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '60',
		'-keyint_min', '60', '-sc_threshold', '0', '-b:v', '800k', '-maxrate', '800k', '-bufsize', '800k',
		'-c:a', 'aac', '-b:a', '64k', `${file}.${process.pid}.flv`], { limitS: 120 });
	fs.renameSync(`${file}.${process.pid}.flv`, file);
	return file;
}

/* 20 s of 360p30 with sound, key frames each 2 s.  Made once, whoever asks meanwhile. */
export function clip360() {
	const file = 'build/bench/clip360.flv';

	clip ||= fs.existsSync(file) ? Promise.resolve(file) : makeClip(file);
	return clip;
}

/* Publish the clip live for that long, again and again as needed. */
export async function publish(broadcaster, name, seconds) {
	return spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', await clip360(), '-t', String(seconds),
		'-c', 'copy', '-f', 'flv', '-flvflags', 'no_duration_filesize', `rtmp://${broadcaster.addr.rtmp}/live/${name}`],
	{ stdio: 'ignore' });
}

/*
 * What the broadcaster logged of each transcoded segment from byte `from` of its log
 * on: {ms: end of the segment to its renditions, workMs, tries}.
 */
export function latencies(broadcaster, from = 0, pattern = /./) {
	const text = fs.readFileSync(broadcaster.logFile).subarray(from).toString();

	return text.split('\n').filter((l) => l.includes('segment transcoded:') && pattern.test(l)).map((l) => {
		const n = (key) => Number(new RegExp(`\\b${key}=(\\d+)`).exec(l)[1]);

		return { ms: n('ms'), workMs: n('work_ms'), tries: n('tries') };
	});
}

export const logSize = (p) => fs.statSync(p.logFile).size;

export { isAlive, sleep, until };
