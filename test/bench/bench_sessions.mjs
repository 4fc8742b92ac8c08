// What an idle session costs an orchestrator, in memory and in the latency of others.
//   SESSIONS (500), ROUNDS (5) fresh orchestrators for the memory, SECONDS (120) of two
//   live 360p streams each without, with, and without the idle sessions (A/B/A)
//
// Memory: resident size of the orchestrator's own process before and after, in a process
// that has had no session before (an allocator keeps what it once had).  One session is
// opened and served first, so that what is made once is not counted.
// Latency: the broadcaster's own "segment transcoded: ms=": from a segment's end until
// its renditions are checked.  The first two segments of each stream warm the workers.
import { clip360, latencies, logSize, Proc, publish, sizeOf, sleep, spawn, startFarm, until } from './lib/farm.mjs';
import { median, quantile, told } from './lib/stats.mjs';

const SESSIONS = Number(process.env.SESSIONS || 500);
const ROUNDS = Number(process.env.ROUNDS || 5);
const SECONDS = Number(process.env.SECONDS || 120);
const CONNECTIONS = 10;
const load = process.env.SESSION_LOAD || 'build/test/bench/session_load';
const ROOM = ['-maxSessions', '10000'];

/* n idle sessions; ends by SIGTERM. */
async function openSessions(addr, n, connections) {
	const p = spawn(load, [addr, String(n), String(connections)]);

	await until('sessions are open', () => p.end || /^opened/m.test(p.text()), 60000);
	if (!p.text().includes(`opened ${n} refused 0`))
		throw new Error(`sessions: ${p.text()}`);
	return p;
}

async function close(p) {
	p.kill('SIGTERM');
	await p.over;
}

/* Resident size once it stands still, in KiB. */
async function settled(pid) {
	let last = -1;

	for (let i = 0; i < 20; i++) {
		const now = sizeOf(pid).rssKb;

		if (now === last)
			break;
		last = now;
		await sleep(500);
	}
	return last;
}

async function memory() {
	const all = [];

	for (let i = 0; i < ROUNDS; i++) {
		const orch = await Proc.start('orchestrator', ['-orchestrator', '-transcoder', '-listenAddr', '127.0.0.1:0', ...ROOM]);

		await close(await openSessions(orch.addr.peer, 1, 1));
		const before = await settled(orch.pid);
		const p = await openSessions(orch.addr.peer, SESSIONS, CONNECTIONS);
		const after = await settled(orch.pid);

		all.push((after - before) / SESSIONS);
		await close(p);
		await orch.stop();
	}
	return all;
}

/* Latencies of two live streams for SECONDS. */
async function phase(farm, name) {
	const from = logSize(farm.broadcaster);
	const pubs = [await publish(farm.broadcaster, `${name}1`, SECONDS), await publish(farm.broadcaster, `${name}2`, SECONDS)];

	await Promise.all(pubs.map((p) => p.over));
	await sleep(2000);
	return [1, 2].flatMap((k) =>
		latencies(farm.broadcaster, from, new RegExp(`stream=${name}${k}\\b`)).slice(2).map((l) => l.ms));
}

await clip360();
const kb = await memory();

console.log(`${SESSIONS} idle sessions on ${CONNECTIONS} connections, 4 renditions each`);
console.log(`memory a session, KiB: ${told(kb, 2)}`);
const farm = await startFarm({ kind: 'local', args: ROOM });
const a1 = await phase(farm, 'a');
const idle = await openSessions(farm.orchestrators[0].addr.peer, SESSIONS, CONNECTIONS);
const b = await phase(farm, 'b');

await close(idle);
const a2 = await phase(farm, 'c');
const p99 = (l) => quantile(l, 0.99);

console.log('two live 360p streams, ms from the end of a segment to its renditions:');
console.log(`  without      ${told(a1, 0)}`);
console.log(`  with ${String(SESSIONS).padEnd(7)} ${told(b, 0)}`);
console.log(`  without      ${told(a2, 0)}`);
console.log(`p99 with / without (both runs together): ${(p99(b) / p99([...a1, ...a2])).toFixed(2)}; ` +
	`the two runs without differ by ${(100 * Math.abs(p99(a1) / p99(a2) - 1)).toFixed(0)} %`);
console.log(`BENCH session_kib=${median(kb).toFixed(2)} session_kib_worst=${Math.max(...kb).toFixed(2)} ` +
	`p99_ms_without=${p99([...a1, ...a2])} p99_ms_with=${p99(b)}`);
await farm.stop();
process.exit(0);
