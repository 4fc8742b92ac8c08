// What the node adds to a segment: 720p segments pushed one after the other, the
// ladder back as multipart.  Compared with one ffmpeg process doing the same ladder
// from a file.
//   SEGMENTS (20)
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { run, start, until } from '../system/lib/harness.mjs';
import { children, cpuMs } from '../system/lib/node.mjs';
import { pieces } from '../system/lib/media.mjs';
import { parts, put } from '../system/lib/push.mjs';

const SEGMENTS = Number(process.env.SEGMENTS || 20);
const LADDER = [['240p', 426, 240, 400000], ['360p', 640, 360, 800000], ['480p', 854, 480, 1600000]];
const PRESET = 'superfast';
const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'lpnode-bench-'));
let node = null;

process.on('exit', () => {
	if (node && !node.end)
		node.kill('SIGKILL');
	fs.rmSync(tmp, { recursive: true, force: true });
});

const quantile = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))];
const f1 = (v) => v.toFixed(1);

async function startNode() {
	const ladder = path.join(tmp, 'ladder.json'), ready = path.join(tmp, 'addresses.json');
	const log = fs.openSync(path.join(tmp, 'log'), 'w');

	fs.writeFileSync(ladder, JSON.stringify(LADDER.map(([name, width, height, bitrate]) => ({ name, width, height, bitrate }))));
	node = start(process.env.LPNODE || 'build/lpnode', ['-broadcaster', '-orchestrator', '-transcoder', '-datadir', tmp,
		'-rtmpAddr', '127.0.0.1:0', '-httpAddr', '127.0.0.1:0', '-cliAddr', '127.0.0.1:0', '-listenAddr', '127.0.0.1:0',
		'-transcodingOptions', ladder, '-preset', PRESET, '-v', 'warn'], { stdio: ['ignore', log, log] });
	await until('lpnode is ready', () => node.end || fs.existsSync(ready), 15000);
	if (node.end)
		throw new Error(fs.readFileSync(path.join(tmp, 'log'), 'utf8'));
	return JSON.parse(fs.readFileSync(ready));
}

/* One ffmpeg a segment, the whole ladder in it: what people script today. */
async function byFfmpeg(file) {
	const args = ['-nostdin', '-v', 'error', '-y', '-i', file, '-filter_complex',
		`[0:v]split=${LADDER.length}${LADDER.map((_, i) => `[s${i}]`).join('')};` +
		LADDER.map(([, w, h], i) => `[s${i}]scale=${w}:${h}[v${i}]`).join(';')];

	LADDER.forEach(([name, , , rate], i) => args.push('-map', `[v${i}]`, '-map', '0:a', '-c:v', 'libx264', '-preset', PRESET,
		'-b:v', rate, '-minrate', rate, '-maxrate', rate, '-bufsize', rate, '-g', '600', '-c:a', 'copy', '-f', 'mpegts',
		path.join(tmp, `${name}.ts`)));
	const t0 = performance.now();

	await run('ffmpeg', args.map(String));
	return performance.now() - t0;
}

const files = await pieces({ seconds: 20, size: '1280x720', gop: 60, extra: ['-b:v', '3M', '-maxrate', '3M', '-bufsize', '3M'] });
const addr = await startNode();
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const wall = [], theirs = [];
let cpu0 = 0;

for (let i = 0; i < SEGMENTS + 2; i++) {
	const file = files[i % files.length];
	const body = fs.readFileSync(file);

	if (i === 2)	// the first two warm the worker
		cpu0 = cpuMs(node.pid);
	const t0 = performance.now();
	const res = await put(`http://${addr.http}/live/bench/${i}.ts`, body, { agent, headers: { Accept: 'multipart/mixed' } });

	if (res.status !== 200 || parts(res).length !== LADDER.length)
		throw new Error(`segment ${i}: ${res.status} ${res.body.subarray(0, 200)}`);
	if (i >= 2)
		wall.push(performance.now() - t0);
}
const cpu = (cpuMs(node.pid) - cpu0) / SEGMENTS;
const st = await (await fetch(`http://${addr.cli}/status`)).json();

for (let i = 0; i < Math.min(SEGMENTS, 10); i++)
	theirs.push(await byFfmpeg(files[i % files.length]));
console.log(`2 s segments of 720p30 at 3 Mbit/s, ladder ${LADDER.map((l) => l[0])}, ${PRESET}, ${SEGMENTS} one after the other`);
console.log('what | p50 ms | p99 ms');
console.log(`push to whole answer | ${f1(quantile(wall, 0.5))} | ${f1(quantile(wall, 0.99))}`);
console.log(`of it transcoding, as the worker tells | ${f1(st.totals.transcodeMsP50)} | ${f1(st.totals.transcodeMsP99)}`);
console.log(`of it the node: segment's end to renditions checked | ${f1(st.totals.overheadMsP50)} | ${f1(st.totals.overheadMsP99)}`);
console.log(`one ffmpeg process a segment, same ladder | ${f1(quantile(theirs, 0.5))} | ${f1(quantile(theirs, 0.99))}`);
console.log(`CPU of the node's own process | ${f1(cpu)} a segment | children: ${children(node.pid).length}`);
node.kill('SIGTERM');
await node.over;
process.exit(0);
