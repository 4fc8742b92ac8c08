#!/usr/bin/env -S node --no-warnings
// `make run`: one node with all roles, off chain, and, when nobody publishes, a
// sample stream.  Ctrl-C ends everything in order; RUN_SECONDS=N ends by itself with
// a summary, and fails if any segment lacks a rendition.
// RTMP_ADDR, HTTP_ADDR, CLI_ADDR and PEER_ADDR move the ports; V=1 shows the log.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const env = process.env;
const seconds = Number(env.RUN_SECONDS || 0);
const program = env.LPNODE || 'build/lpnode';
const datadir = env.DATADIR || 'build/demo';
const logPath = path.join(datadir, 'lpnode.log');
const addrs = {
	rtmpAddr: env.RTMP_ADDR || '127.0.0.1:1935',
	httpAddr: env.HTTP_ADDR || '127.0.0.1:8935',
	cliAddr: env.CLI_ADDR || '127.0.0.1:7935',
	listenAddr: env.PEER_ADDR || '127.0.0.1:15000',
};
const say = (text) => process.stdout.write(`${text}\n`);

class Sorry extends Error {}	// ends the demo with a message, no stack

// ---- the processes ----
let node = null, pusher = null, stopping = false;

// In process groups of their own: Ctrl-C reaches only us, and we end them in order.
function start(file, args, stdio) {
	const p = spawn(file, args, { stdio, detached: true });

	p.over = new Promise((resolve) => {
		p.on('exit', (code, signal) => resolve({ code, signal }));
		p.on('error', (e) => resolve({ code: 127, signal: null, why: e.message }));
	});
	p.over.then((end) => { p.end = end; });
	return p;
}

async function stop(p, graceMs) {
	if (!p || p.end)
		return;
	p.kill('SIGTERM');
	await Promise.race([p.over, sleep(graceMs, null, { ref: false })]);
	if (!p.end) {
		p.kill('SIGKILL');
		await p.over;
	}
}

async function checkPort(option, addr) {
	const at = addr.lastIndexOf(':');
	const host = addr.slice(0, at).replace(/^\[|\]$/g, ''), port = Number(addr.slice(at + 1));
	const variable = { rtmpAddr: 'RTMP_ADDR', httpAddr: 'HTTP_ADDR', cliAddr: 'CLI_ADDR',
		listenAddr: 'PEER_ADDR' }[option];

	await new Promise((resolve, reject) => {
		const s = net.createServer();

		s.once('error', (e) => reject(new Sorry(e.code === 'EADDRINUSE' ?
			`${addr} is taken by another program: stop it, or set ${variable}=127.0.0.1:PORT` :
			`cannot listen on ${addr} (${variable}): ${e.message}`)));
		s.listen(port, host, () => s.close(resolve));
	});
}

function logTail() {
	try {
		return fs.readFileSync(logPath, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
	} catch (e) {
		return '';
	}
}

async function startNode() {
	const ready = path.join(datadir, 'addresses.json');
	const args = ['-broadcaster', '-orchestrator', '-transcoder', '-datadir', datadir];

	if (!fs.existsSync(program))
		throw new Sorry(`${program} is not built: run make`);
	fs.mkdirSync(datadir, { recursive: true });
	fs.rmSync(ready, { force: true });
	for (const [option, addr] of Object.entries(addrs)) {
		await checkPort(option, addr);
		args.push(`-${option}`, addr);
	}
	if (env.LPNODE_ARGS)
		args.push(...env.LPNODE_ARGS.split(' '));
	const log = env.V ? 'inherit' : fs.openSync(logPath, 'w');

	node = start(program, args, ['ignore', log, log]);
	for (let i = 0; i < 300; i++) {
		if (node.end)
			throw new Sorry(`lpnode did not start:\n${env.V ? '' : logTail()}`);
		if (fs.existsSync(ready))
			return JSON.parse(fs.readFileSync(ready, 'utf8'));
		await sleep(50);
	}
	throw new Sorry(`lpnode was not ready within 15 s; its log is ${logPath}`);
}

function startPusher(url) {
	const log = env.V ? 'inherit' : fs.openSync(path.join(datadir, 'ffmpeg.log'), 'w');

	pusher = start('ffmpeg', ['-nostdin', '-hide_banner', '-loglevel', 'warning', '-re',
		'-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30',
		'-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000',
		'-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-b:v', '2500k',
		'-maxrate', '2500k', '-bufsize', '2500k',
		'-g', '60', '-keyint_min', '60', '-sc_threshold', '0',
		'-c:a', 'aac', '-b:a', '96k', '-f', 'flv', url], ['ignore', log, log]);
}

// ---- what the node says ----
let statusUrl = '';

async function getStatus() {
	try {
		const res = await fetch(statusUrl, { signal: AbortSignal.timeout(5000) });

		if (res.ok)
			return await res.json();
	} catch (e) { /* told below, with the better reason if there is one */ }
	await sleep(200);
	if (node.end)
		throw new Sorry(`lpnode ended by itself:\n${env.V ? '' : logTail()}`);
	throw new Sorry(`lpnode does not answer at ${statusUrl}`);
}

const made = (stream) => stream.renditions.filter((r) => r.name !== 'source');

const ms = (v) => v > 0 ? `${Math.round(v)} ms` : '-';

function statusLine(st, sinceS) {
	const s = st.streams.find((x) => x.state === 'live') || st.streams[0];
	const t = st.totals;

	if (!s)
		return `${String(sinceS).padStart(4)} s  no stream`;
	const more = st.streams.length > 1 ? ` (+${st.streams.length - 1} more)` : '';
	const size = s.source && s.source.width ? `  ${s.source.width}x${s.source.height}` : '';

	return `${String(sinceS).padStart(4)} s  ${s.name}${more} ${s.state}${size}` +
		`  segments ${t.segmentsIn}  renditions ${t.renditionsOut}  lost ${t.renditionsLost}` +
		`  renditions after ${ms(t.segmentMsP50)}`;
}

// One line that renews itself on a terminal, a line a second elsewhere.
function show(line) {
	if (process.stdout.isTTY && !env.V)
		process.stdout.write(`\r\x1b[K${line}`);
	else
		say(line);
}
const endLine = () => process.stdout.isTTY && !env.V && say('');

// Renditions that segments still lack, by stream.
function owed(st) {
	return st.streams.reduce((n, s) => n + made(s).reduce(
		(m, r) => m + Math.max(0, s.segments - r.segments - r.lost), 0), 0);
}

async function watch() {
	const t0 = Date.now();
	let sampled = false;

	for (let i = 1; !stopping && (!seconds || i <= seconds); i++) {
		await sleep(Math.max(0, t0 + i * 1000 - Date.now()));
		if (stopping)
			break;
		if (pusher && pusher.end && !stopping)
			throw new Sorry(`the sample stream broke off; see ${path.join(datadir, 'ffmpeg.log')}`);
		const st = await getStatus();

		if (!sampled && st.streams.length === 0) {
			const url = `rtmp://${addrs.rtmp}/live/demo`;

			sampled = true;
			say(`  nobody publishes: sending a sample stream to ${url}\n`);
			startPusher(url);
		}
		sampled = true;
		show(statusLine(st, i));
	}
	endLine();
}

// The publisher is gone: wait until what is in work is done, at most 30 s.
async function settle() {
	let last = '', same = 0, st;

	for (let i = 0; i < 60 && same < 4; i++) {
		await sleep(500);
		st = await getStatus();
		const now = JSON.stringify(st.totals) + owed(st);

		same = now === last && owed(st) === 0 ? same + 1 : 0;
		last = now;
	}
	return st;
}

function summary(st) {
	const t = st.totals, missing = owed(st);
	const perSegment = Math.max(0, ...st.streams.map((s) => made(s).length));

	say('');
	say(`segments in      ${t.segmentsIn}`);
	say(`renditions out   ${t.renditionsOut}${perSegment ? `  (${perSegment} a segment)` : ''}`);
	say(`renditions lost  ${t.renditionsLost + missing}`);
	say(`after a segment  p50 ${ms(t.segmentMsP50)}, p99 ${ms(t.segmentMsP99)} until its renditions`);
	if (t.segmentsIn === 0)
		throw new Sorry('no segment came in');
	if (t.renditionsOut === 0)
		throw new Sorry('no rendition came out');
	if (t.renditionsLost + missing > 0)
		throw new Sorry('some segments lack a rendition');
}

async function main() {
	Object.assign(addrs, await startNode());
	statusUrl = `http://${addrs.cli}/status`;
	say('lpnode is up');
	say(`  publish  rtmp://${addrs.rtmp}/live/NAME`);
	say(`  watch    http://${addrs.http}/`);
	say(`  status   ${statusUrl}`);
	if (!env.V)
		say(`  log      ${logPath}`);
	await watch();
	await stop(pusher, 5000);
	if (seconds && !stopping)
		summary(await settle());
}

async function run() {
	let code = 0;

	for (const sig of ['SIGINT', 'SIGTERM', 'SIGHUP'])
		process.on(sig, () => {
			// A second Ctrl-C: whoever presses it has waited enough.
			if (stopping)
				for (const p of [pusher, node])
					p && !p.end && p.kill('SIGKILL');
			stopping = true;
		});
	try {
		await main();
	} catch (e) {
		endLine();
		console.error(e instanceof Sorry ? `demo: ${e.message}` : e);
		code = 1;
	}
	await stop(pusher, 5000);
	const ended = node && node.end;	// by itself: told above
	await stop(node, 12000);
	if (node && !ended && node.end.code !== 0) {
		console.error(`demo: lpnode ended with ${node.end.signal || `code ${node.end.code}`}`);
		code = 1;
	}
	process.exit(code);
}

run();
