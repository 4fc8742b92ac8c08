// One of two transcoders is killed (SIGKILL) again and again under a live 360p stream:
// how many renditions come all the same?
//   kill_transcoders.mjs [SECONDS (300)]
//   EVERY_S (10) between kills, DOWN_S (3) until it is back, SEED, KIND (remote)
//
// Which one and when within the period comes from the seed, and is logged.  Expected is
// what the broadcaster cut (source segments that can be transcoded, times renditions),
// delivered what it has put into the renditions' playlists; both as its /status says
// once the stream has ended.  Exit code 1 when anything is lost.
import { fileURLToPath } from 'node:url';
import { latencies, publish, sleep, startFarm, until } from './lib/farm.mjs';
import { told } from './lib/stats.mjs';

function randomOf(seed) {
	let state = seed >>> 0;

	return () => {		// mulberry32
		state = (state + 0x6d2b79f5) | 0;
		let t = Math.imul(state ^ (state >>> 15), 1 | state);

		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

/* Ends when both work again: a farm of nobody delivers nothing. */
async function killOne(farm, i, downMs, log, at) {
	const p = farm.workers[i];

	log(`${at()} kill ${p.name} pid ${p.pid}`);
	await p.kill();
	await sleep(downMs);
	await p.launch();
	await until('it is counted on again', farm.isWhole, 30000)
		.then(() => log(`${at()} ${p.name} is back: pid ${p.pid}`), (e) => log(`${at()} ${e.message}`));
}

async function counts(farm, name) {
	const s = (await farm.broadcaster.status()).streams.find((x) => x.name === name);

	return s && { ...s, delivered: s.renditions.reduce((n, r) => n + r.segments, 0),
		lost: s.renditions.reduce((n, r) => n + r.lost, 0) };
}

/*
 * o: seconds, everyS, downS, seed, kind, log.  {segments, expected, delivered, lost,
 * kills, tries: segments that took more than one, ms: latencies}.
 */
export async function killTranscoders(o = {}) {
	const { seconds = 300, everyS = 10, downS = 3, seed = 1, kind = 'remote', log = () => {} } = o;
	const random = randomOf(seed);
	const farm = await startFarm({ kind, transcoders: 2 });
	const t0 = Date.now();
	const at = () => `${((Date.now() - t0) / 1000).toFixed(2)} s`;
	const stream = await publish(farm.broadcaster, 'cam', seconds);
	let kills = 0;

	log(`seed ${seed}`);
	await until('renditions come', async () => (await counts(farm, 'cam'))?.delivered > 0, 30000);
	while (Date.now() - t0 < (seconds - everyS) * 1000) {
		const start = Date.now();

		await sleep(random() * (everyS - downS - 2) * 1000);
		await killOne(farm, random() < 0.5 ? 0 : 1, downS * 1000, log, at);
		kills++;
		await sleep(Math.max(0, everyS * 1000 - (Date.now() - start)));
	}
	await stream.over;
	const end = await until('each segment has its renditions or has lost them', async () => {
		const c = await counts(farm, 'cam');

		return c.state !== 'live' && c.renditions.every((r) => r.segments + r.lost >= c.segments) && c;
	}, 40000).catch(() => counts(farm, 'cam'));
	const l = latencies(farm.broadcaster);
	const result = { segments: end.segments, expected: end.segments * farm.renditions, delivered: end.delivered,
		lost: end.lost, kills, tries: l.filter((x) => x.tries > 1).length, ms: l.map((x) => x.ms) };

	await farm.stop();
	return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const n = (key, def) => Number(process.env[key] || def);
	const seconds = Number(process.argv[2] || 300);
	const r = await killTranscoders({ seconds, everyS: n('EVERY_S', 10), downS: n('DOWN_S', 3),
		seed: n('SEED', Math.floor(Math.random() * 1e9)), kind: process.env.KIND || 'remote', log: console.log });

	console.log(`${r.kills} kills in ${seconds} s: ${r.segments} segments, renditions expected ${r.expected}, ` +
		`delivered ${r.delivered}, lost ${r.lost}; ${r.tries} segments took more than one try`);
	console.log(`ms to renditions ${told(r.ms, 0)}`);
	console.log(`BENCH kills=${r.kills} expected=${r.expected} delivered=${r.delivered} lost=${r.lost}`);
	process.exit(r.delivered < r.expected || r.kills === 0 ? 1 : 0);
}
